"""A logged run replayed by a simulated robot: how far, and how fast, the two come apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from twin.calibrate.dynamics import checks
from twin.calibrate.dynamics.models import read, robot
from twin.calibrate.dynamics.rollouts import Growth, growth, windows
from twin.calibrate.dynamics.signals import Motion, Stretch, choose_cutoff, motions, typical_step
from twin.calibrate.logs import read_log
from twin.calibrate.logspec import ColumnMap, SignalLog, TimeMap
from twin.calibrate.readers import read_raw
from twin.calibrate.suspicion import suspect
from twin.core.errors import InputError

TIMES = ("time", "t", "timestamp", "time_s", "stamp")
POSITIONS = ("pos_meas", "position", "pos", "q", "joint")
TORQUES = ("tau_con", "tau_meas", "tau", "torque", "effort", "u")
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


def replay(log: Path, model: str, ask: Asked) -> Replay:
    """Drive the model with the log's torques (or its actuators with the log's commands). Raises `InputError`, `TableError`."""
    known = list(read_raw(log, SignalLog(path=str(log)), None).columns)
    time = ask.time or _guess_time(known)
    position = ask.position or _guess(known, POSITIONS, "positions", "--position")
    drive = ask.drive or _guess(known, TORQUES, "torques", "--drive")
    unit = ask.unit if ask.unit != "rad" else ""
    scale = ask.scale[0] if len(ask.scale) == 1 else ask.scale
    spec = SignalLog(
        path=log.name,
        time=TimeMap(column=time, unit=ask.time_unit or next((u for u in ("ms", "us", "ns") if time.endswith(f"_{u}")), "s")),
        columns={
            "q": ColumnMap(column=position, unit=unit),
            "u": ColumnMap(column=drive, unit=unit if ask.actuators else "", scale=scale),
        },
    )
    found = read_log(log.name, spec, log.parent)
    bot = robot(model, Path.cwd(), ask.joints, len(position))
    if not ask.actuators and len(drive) != len(position):
        raise InputError(
            f"{len(drive)} torques for {len(position)} joints: say --drive, or --actuators where they are commands"
        )
    arm = read(model, Path.cwd()).compile() if ask.actuators else bot.spec.compile()
    if ask.actuators and arm.nv != len(position):
        raise InputError(f"--actuators needs a log of all {arm.nv} joints of {model}")
    order = list(bot.order)
    u = found.signal("u") if ask.actuators else found.signal("u")[:, order]
    pieces = [
        Stretch(str(found.labels["run"][rows][0]), found.time()[rows], found.signal("q")[rows][:, order], u[rows])
        for rows in (found.segment == segment for segment in np.unique(found.segment))
        if rows.sum() > 3
    ]
    doubts = suspect(found, {"q": "angle"} if ask.actuators else {"q": "angle", "u": "torque"})
    if slow := [f for f in checks.speeds((), typical_step(pieces)) if f.level == "warning"]:
        raise InputError(f"{log}: {slow[0].text} Say --time-unit")
    moved = motions(pieces, choose_cutoff(pieces), measured=False)
    doubts += checks.speeds(moved, 0.0)
    return Replay(
        _grown(arm, moved, ask, ask.resync_s),
        _grown(arm, moved, ask, min((len(m.q) - 1) * m.dt for m in moved)),
        bot.joints,
        {"time": (time,), "position": tuple(position), "drive": tuple(drive)},
        moved[0].dt,
        tuple(f.text for f in doubts),
    )


def _grown(arm: mujoco.MjModel, moved: Sequence[Motion], ask: Asked, horizon_s: float) -> Growth:
    found = windows(arm, moved, horizon_s=horizon_s, every_s=horizon_s, step_s=ask.step_s, ctrl=ask.actuators)
    return growth(found, moved[0].dt, [horizon_s * share for share in SHARES])


def _guess_time(known: Sequence[str]) -> str:
    for name in TIMES:
        if name in known:
            return name
    raise InputError(f"no column looks like time (columns: {', '.join(known[:12])}); say --time")


def _guess(known: Sequence[str], stems: Sequence[str], what: str, option: str) -> tuple[str, ...]:
    """Columns of one stem and a number (`pos_meas1`, `q3_rad`), by the number."""
    for stem in stems:
        hits = [(int(m[1]), name) for name in known if (m := re.fullmatch(rf"{stem}_?(\d+)(_[A-Za-z]+)?", name))]
        if hits:
            return tuple(name for _, name in sorted(hits))
    raise InputError(f"no columns look like {what} (columns: {', '.join(known[:12])}); say {option} a,b,…")
