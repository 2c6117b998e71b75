"""From a log to motion that can be fitted: joints in the model's order, bad rows left out, cut-off and velocity chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from twin.calibrate.dynamics import checks, friction
from twin.calibrate.dynamics.design import ENDS, Group, Layout
from twin.calibrate.dynamics.misread import misread
from twin.calibrate.dynamics.models import Robot, robot, weightless
from twin.calibrate.dynamics.regression import Item, plain_unseen
from twin.calibrate.dynamics.regressor import movable_bodies
from twin.calibrate.dynamics.signals import WIDTHS, Motion, Stretch, choose_cutoff, motions, typical_step
from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.result import Finding
from twin.calibrate.split import split, usual
from twin.calibrate.suspicion import never_moves
from twin.core.errors import InputError, nearest
from twin.core.records import Floats

NOISE = 0.005
"""A joint stands still below this share of its rms speed."""
SMOOTHER: Final = 0.99
"""Motion is smoothed more only where that lowers the error on unseen blocks to this part: smoothing smears friction's turns."""


@dataclass(frozen=True)
class Task:
    """Everything the regression needs: the robot, motion to fit and held out, the plainest layout and what may be added."""

    bot: Robot
    fit: list[Motion]
    held: list[Motion]
    layout: Layout
    options: list[Item]
    cutoff_hz: float
    findings: list[Finding]
    source: str
    whole: bool
    """Whether the ends of pieces are scored: not where velocity is derived from positions, which knows one side alone there."""


def prepare(spec: DynamicsSpec, given: Given) -> Task:
    """The task of a part. Raises `InputError` and `TableError` where the log cannot be fitted."""
    log = given.signals(spec.log)
    for name in (spec.position, spec.torque):
        if name not in log.signals:
            why = (
                "masses and friction show in positions and torques (or currents with their `scale`); commands are for `delays`"
            )
            raise InputError(f"log {log.name!r} maps no signal {name!r}{nearest(name, log.signals, what='mapped')}; {why}")
    q = _wide(log.signal(spec.position))
    bot = _robot(spec, given, spec.joints, q.shape[1])
    for name in (spec.torque, *([spec.velocity] if spec.velocity and spec.velocity in log.signals else [])):
        wide = _wide(log.signal(name)).shape[1]
        if wide != q.shape[1]:
            raise InputError(f"log {log.name!r}: {name!r} has {wide} columns and {spec.position!r} {q.shape[1]}")
    said: list[Finding] = list(log.findings)
    bot = _unlocked(spec, given, bot, q, _wide(log.signal(spec.torque)), said)
    parts = split(log, spec.split or usual(log))
    fit, held = (_stretches(part, spec, bot, said if k == 0 else []) for k, part in enumerate(parts))
    said += checks.ranges(np.concatenate([s.q for s in fit]), bot.limits, bot.joints)
    cutoff = spec.cutoff_hz or choose_cutoff(fit)
    derived = motions(fit, cutoff, measured=False)
    said += checks.speeds(derived, typical_step(fit))
    layout, options = _layout(spec, bot, derived, said)
    if fit[0].v is not None:
        said += checks.velocity(fit, bot.joints)
    seen, measured, width, text = _smoothed(fit, layout, cutoff)
    said.append(Finding("note", text))
    held_out = motions(held, cutoff, measured=measured, width=width)
    said += misread(layout, seen, cutoff, bot.joints)
    return Task(bot, seen, held_out, layout, options, cutoff, said, log.source, measured)


def _smoothed(fit: list[Stretch], layout: Layout, cutoff: float) -> tuple[list[Motion], bool, float, str]:
    """The motion under the velocity (logged or not) and bandwidth by which unseen blocks are predicted best; and words."""
    tried = []
    for measured in (False, True) if fit[0].v is not None else (False,):
        for width in WIDTHS:
            motion = motions(fit, cutoff, measured=measured, width=width)
            tried.append((plain_unseen(layout, motion, cutoff), measured, width, motion))
    _, measured, width, motion = min(tried, key=lambda one: one[0] / (SMOOTHER if one[2] < WIDTHS[0] else 1))
    word = {True: "logged", False: "derived from the position"}
    errors = "; ".join(f"{word[m]}, {w:g} cut-offs: {error:.4f}" for error, m, w, _ in tried)
    text = f"velocity: {word[measured]}, motion up to {width:g} cut-offs (torque error on unseen blocks, of its size: {errors})"
    ends = "" if measured else f"; {ENDS / cutoff:.2g} s at each end of a stretch are neither fitted nor scored"
    return motion, measured, width, text + ends


def _robot(
    spec: DynamicsSpec, given: Given, joints: Sequence[str] | None, columns: int, at: Mapping[str, float] = MappingProxyType({})
) -> Robot:
    """The robot as it is mounted; weightless, where the logged torques are what is left after gravity compensation."""
    bot = robot(spec.model, given.folder, joints, columns, at, spec.gravity_mps2)
    return weightless(bot) if spec.gravity == "compensated" else bot


def _unlocked(spec: DynamicsSpec, given: Given, bot: Robot, q: Floats, tau: Floats, said: list[Finding]) -> Robot:
    """The robot without joints of which neither position nor torque ever changes: they are welded where the log has them."""
    still = checks.locked(q, tau)
    if not still or len(still) == q.shape[1]:
        return bot
    column = dict(zip(bot.order, bot.joints, strict=True))
    kept = [j for j in range(q.shape[1]) if j not in still]
    at = {column[j]: float(q[0, j]) for j in still}
    less = _robot(spec, given, [column[j] for j in kept], len(kept), at)
    said += [Finding("warning", f"{name}: position ({angle:.4g}) and torque never change: is it locked, or dead? It is "
                     "welded there, and nothing of it is told") for name, angle in at.items()]  # fmt: skip
    return replace(less, order=tuple(kept[i] for i in less.order))


def _wide(x: Floats) -> Floats:
    return x[:, None] if x.ndim == 1 else x


def _stretches(log: Log, spec: DynamicsSpec, bot: Robot, said: list[Finding]) -> list[Stretch]:
    """Unbroken, usable stretches with columns in the model's order."""
    order = list(bot.order)
    q, tau = _wide(log.signal(spec.position))[:, order], _wide(log.signal(spec.torque))[:, order]
    v = _wide(log.signal(spec.velocity))[:, order] if spec.velocity and spec.velocity in log.signals else None
    t, run, out, told = log.time() - log.time()[0], log.labels["run"], [], list[Finding]()
    for segment in np.unique(log.segment):
        rows = log.segment == segment
        if rows.sum() < 4:
            continue
        joined, turned = checks.unwrapped(q[rows], bot.limits, bot.hinges, bot.joints)
        whole = Stretch(str(run[rows][0]), t[rows], joined, tau[rows], None if v is None else v[rows])
        keep, found = checks.usable(whole.t, whole.q, whole.tau, bot.joints)
        told += [Finding(f.level, f"{whole.run}: {f.text}") for f in (*turned, *found)]
        out += checks.cut(whole, keep)
    said += checks.few(told)
    if not out:
        why = "; ".join(f.text for f in said) or "runs and gaps leave shorter ones only"
        raise InputError(f"log {log.name!r} has no stretch of more than three rows to fit: {why}")
    return out


def _layout(spec: DynamicsSpec, bot: Robot, seen: Sequence[Motion], said: list[Finding]) -> tuple[Layout, list[Item]]:
    """The plainest layout, and what may come on top of it."""
    model = bot.model
    bodies = movable_bodies(model)
    names = [model.body(b).name for b in bodies]
    for name in spec.bodies or ():
        if name not in names:
            raise InputError(f"no body {name!r} that a joint carries{nearest(name, names)}")
    free = tuple(b for b, name in zip(bodies, names, strict=True) if spec.bodies is None or name in spec.bodies)
    speed = np.sqrt(np.mean(np.concatenate([m.v for m in seen]) ** 2, axis=0))
    span = np.ptp(np.concatenate([m.q for m in seen]), axis=0)
    still = checks.still_joints(seen, bot.joints)
    if still:
        said.append(Finding("warning", never_moves(", ".join(still), "no friction or armature of it can be told")))
    if len(still) == len(bot.joints):
        raise InputError("no joint moves in this log: there is nothing to fit")
    stand = tuple(float(x) for x in NOISE * speed + 1e-4)
    moving = [j for j, name in enumerate(bot.joints) if name not in still]
    basics = [c for j in range(model.nv) for c in friction.basic(j, stand[j]) if j in moving or c.kind == "offset"]
    reference = int(np.argmax(np.mean(np.concatenate([m.tau for m in seen]) ** 2, axis=0)))
    layout = Layout(model, free, spec.armature, stand, tuple(basics), reference)
    options: list[Item] = [c for j in moving for c in friction.candidates(j, spec.friction, float(span[j]), float(speed[j]))]
    groups: tuple[Group, ...] = tuple(
        g for g in spec.sensors if (g != "tilt" or spec.gravity == "included") and (g != "gain" or model.nv > 1)
    )
    return layout, [*options, *groups]
