"""A logged run replayed by a simulated robot: how far, and how fast, the two come apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import mujoco
import numpy as np

from twin.calibrate import lerobot
from twin.calibrate.dynamics import checks
from twin.calibrate.dynamics.models import Robot, read, robot, with_servos
from twin.calibrate.dynamics.rollouts import Growth, growth, windows
from twin.calibrate.dynamics.signals import Motion, Stretch, choose_cutoff, motions, typical_step
from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.logs import Log, read_log
from twin.calibrate.logspec import ColumnMap, Format, SignalLog, TimeMap
from twin.calibrate.readers import read_raw
from twin.calibrate.result import Finding
from twin.calibrate.spec import load_plan
from twin.calibrate.suspicion import suspect
from twin.core.errors import InputError, nearest
from twin.core.records import Floats

TIMES = ("time", "t", "timestamp", "time_s", "stamp")
POSITIONS = ("pos_meas", "position", "pos", "q", "joint", "observation.state", "observations/qpos", "qpos")
TORQUES = ("tau_con", "tau_meas", "tau", "torque", "effort", "u")
COMMANDS = ("action", "command", "cmd", "goal", "target", *TORQUES)
SHARES = (0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Replay:
    """Error growth with re-synchronisation and without, and which columns were taken."""

    resync: Growth
    open_loop: Growth
    joints: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    dt_s: float
    doubts: tuple[str, ...]
    """What looks wrong with the log."""


@dataclass(frozen=True)
class Asked:
    """What the user asked for: columns (empty: guessed from their names), the unit of angles, what the input drives."""

    time: str = ""
    position: tuple[str, ...] = ()
    drive: tuple[str, ...] = ()
    unit: str = "rad"
    actuators: bool = False
    joints: tuple[str, ...] | None = None
    resync_s: float = 1.0
    scale: tuple[float, ...] = (1.0,)
    """What one count of the drive is, Nm: one for all, or one a column."""
    step_s: float = 0.002
    time_unit: str = ""
    """Left out: as the column's name ends (`stamp_ms`), or s."""
    rate_hz: float | None = None
    """Instead of a column of time."""
    log: str = ""
    """Which log of a plan, where it has several."""
    delay_ms: tuple[float, ...] = (0.0,)
    """The drive takes effect so much later than it is logged: one for all, or one a column."""
    servo_radps: tuple[float, ...] = (30.0,)
    """Of the position servos that a model without actuators is given: one for all, or one a column."""


def replay(log: Path, model: str, ask: Asked) -> Replay:
    """Drive the model with the log's torques (or its actuators with the log's commands). Raises `InputError`, `TableError`.

    `log`: a file of signals, or a calibration plan that maps one.
    """
    found, named, joints = _planned(log, ask) if log.suffix in (".yaml", ".yml") else _logged(log, ask)
    q, u = (x[:, None] if x.ndim == 1 else x for x in (found.signal(name) for name in ("q", "u")))
    if joints is not None and ask.joints is None:
        there = {joint.name for joint in read(model, Path.cwd()).joints}
        keep = [i for i, name in enumerate(joints) if name in there]  # what never moved was welded into the fitted model
        if keep and len(joints) == q.shape[1]:
            u = u[:, keep] if u.shape[1] == q.shape[1] else u
            q, joints = q[:, keep], tuple(joints[i] for i in keep)
    bot = robot(model, Path.cwd(), joints, q.shape[1], drives=ask.actuators)
    doubts = suspect(found, {"q": "angle"} if ask.actuators else {"q": "angle", "u": "torque"})
    if ask.actuators and not bot.model.nu:
        bot = with_servos(bot, _each(ask.servo_radps, q.shape[1], "--servo-radps")[list(bot.order)])
        shown = ", ".join(f"{w:g}" for w in ask.servo_radps)
        text = f"{model} has no actuators: position servos of {shown} rad/s stand in, its weight compensated"
        doubts.append(Finding("note", text))
    order = _order(bot, u.shape[1], ask)
    late = _each(ask.delay_ms, u.shape[1], "--delay-ms") / 1e3
    t = found.time() - found.time()[0]
    pieces = []
    for segment in np.unique(found.segment):
        rows = found.segment == segment
        if rows.sum() > 3:
            joined, turned = checks.unwrapped(q[rows][:, list(bot.order)], bot.limits, bot.hinges, bot.joints)
            doubts += turned
            pieces.append(Stretch(str(found.labels["run"][rows][0]), t[rows], joined, _late(t[rows], u[rows], late)[:, order]))
    if not pieces:
        raise InputError(f"{log}: no stretch without a gap has more than three rows")
    if slow := [f for f in checks.speeds((), typical_step(pieces)) if f.level == "warning"]:
        raise InputError(f"{log}: {slow[0].text} Say --time-unit")
    moved = motions(pieces, choose_cutoff(pieces), measured=False)
    doubts += checks.speeds(moved, 0.0)
    return Replay(
        _grown(bot.model, moved, ask, ask.resync_s),
        _grown(bot.model, moved, ask, min((len(m.q) - 1) * m.dt for m in moved)),
        bot.joints,
        named,
        moved[0].dt,
        tuple(f.text for f in doubts),
    )


def _order(bot: Robot, columns: int, ask: Asked) -> list[int]:
    """Which column of the drive goes where: to the joint of the position beside it, or, where not every joint has an actuator,
    to the actuators in their order."""
    if not ask.actuators:
        if columns != len(bot.joints):
            more = "say --drive, or --actuators where they are commands"
            raise InputError(f"{columns} torques for {len(bot.joints)} joints: {more}")
        return list(bot.order)
    driven = [bot.model.joint(int(j)).name for j in bot.model.actuator_trnid[:, 0]]
    if columns != len(driven):
        raise InputError(f"{columns} commands for {len(driven)} actuators (of {', '.join(driven)}): say --drive, or --joints")
    if sorted(driven) == sorted(bot.joints):
        return [bot.order[bot.joints.index(name)] for name in driven]
    return list(range(columns))


def _late(t: Floats, u: Floats, late: Floats) -> Floats:
    """The drive (n, k) as it takes effect, `late` (k,) s after it is logged."""
    return np.column_stack([np.interp(t - by, t, column) for by, column in zip(late, u.T, strict=True)])


def _each(values: Sequence[float], columns: int, option: str) -> Floats:
    """(k,) one value a column."""
    if len(values) not in (1, columns):
        raise InputError(f"{option} has {len(values)} values for {columns} columns")
    return np.broadcast_to(np.array(values, float), columns)


Joints = tuple[str, ...] | None
Named = dict[str, tuple[str, ...]]


def _planned(plan_file: Path, ask: Asked) -> tuple[Log, Named, Joints]:
    """The log of a plan, its position as `q` and its drive as `u`; signals and joints as its part `dynamics` has them."""
    plan = load_plan(plan_file)
    logs = {name: spec for name, spec in plan.spec.logs.items() if isinstance(spec, SignalLog)}
    name = ask.log or next(iter(logs), "")
    if name not in logs or (len(logs) > 1 and not ask.log):
        raise InputError(f"{plan_file}: say --log NAME: which log of signals{nearest(name, logs, what='logs')}")
    part = next((part for part in plan.spec.parts if isinstance(part, DynamicsSpec) and part.log == name), None)
    usual = ("q", "tau") if part is None else (part.position, part.torque)
    picked = {
        "q": (ask.position or usual[:1])[0],
        "u": (ask.drive or (("command",) if ask.actuators else usual[1:]))[0],
    }
    whole = read_log(name, logs[name], plan.folder)
    signals = {key: whole.signal(mapped) for key, mapped in picked.items()}
    named = {what: whole.maps[picked[key]].names for what, key in (("position", "q"), ("drive", "u"))}
    return replace(whole, signals=signals), named, ask.joints or (None if part is None else part.joints)


def _logged(file: Path, ask: Asked) -> tuple[Log, Named, Joints]:
    """A file of signals, read by its columns; what is not said is guessed from their names."""
    known = cache(lambda: _columns(file))  # read only where a name must be guessed
    position = ask.position or _guess(known(), POSITIONS, "positions", "--position")
    stems, what = (COMMANDS, "commands") if ask.actuators else (TORQUES, "torques")
    drive = ask.drive or _guess(known(), stems, what, "--drive")
    time = ask.time or ("" if ask.rate_hz else _guess_time(known()))
    unit = ask.unit if ask.unit != "rad" else ""
    scale = ask.scale[0] if len(ask.scale) == 1 else ask.scale
    ends = next((u for u in ("ms", "us", "ns") if time.endswith(f"_{u}")), "s")
    spec = SignalLog(
        path=file.name,
        time=TimeMap(column=time, unit=ask.time_unit or ends) if time else None,
        rate_hz=ask.rate_hz,
        columns={
            "q": ColumnMap(column=_one_or_many(position), unit=unit),
            "u": ColumnMap(column=_one_or_many(drive), unit=unit if ask.actuators else "", scale=scale),
        },
    )
    named = {"time": (time,) if time else (), "position": tuple(position), "drive": tuple(drive)}
    return read_log(file.name, spec, file.parent), named, ask.joints


def _one_or_many(names: tuple[str, ...]) -> str | tuple[str, ...]:
    """A single column may be one of lists."""
    return names[0] if len(names) == 1 else names


def _columns(file: Path) -> list[str]:
    """The names of a log's columns."""
    first = lerobot.episodes(file)[0]
    kind: Format | None = "lerobot" if lerobot.root(first) else None
    return list(read_raw(first, SignalLog(path=str(first), format=kind), None).columns)


def _grown(arm: mujoco.MjModel, moved: Sequence[Motion], ask: Asked, horizon_s: float) -> Growth:
    found = windows(arm, moved, horizon_s=horizon_s, every_s=horizon_s, step_s=ask.step_s, ctrl=ask.actuators)
    return growth(found, moved[0].dt, [horizon_s * share for share in SHARES])


def _guess_time(known: Sequence[str]) -> str:
    for name in TIMES:
        if name in known:
            return name
    raise InputError(f"no column looks like time (columns: {', '.join(known[:12])}); say --time")


def _guess(known: Sequence[str], stems: Sequence[str], what: str, option: str) -> tuple[str, ...]:
    """Columns of one stem and a number (`pos_meas1`, `q3_rad`), by the number; or one of the stem alone, perhaps of lists."""
    for stem in stems:
        hits = [(int(m[1]), name) for name in known if (m := re.fullmatch(rf"{stem}_?(\d+)(_[A-Za-z]+)?", name))]
        if not hits and stem in known:
            return (stem,)
        if hits:
            return tuple(name for _, name in sorted(hits))
    raise InputError(f"no columns look like {what} (columns: {', '.join(known[:12])}); say {option} a,b,…")
