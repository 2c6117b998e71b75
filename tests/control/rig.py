"""What tests of filters share: arms of random limits, robots that do exactly what they are told, and adversaries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from twin.control.safety.limits import Bounds
from twin.core.records import Floats, Ints, Observation
from twin.world.cell import build_cell
from twin.world.spec import GripperSpec, WorkcellSpec

CELLS = {name: build_cell(SimpleNamespace(model=name), GripperSpec(), WorkcellSpec()) for name in ("ur3", "panda")}
PERIOD_S = 0.02
SLACK = 1 + 1e-9


@st.composite
def random_bounds(draw: Any, slowest: float = 0.1) -> Bounds:
    """Limits of an arm of 1 to 4 joints, slow and fast, narrow and wide, at control periods from 5 to 100 ms."""
    nq = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    low = rng.uniform(-3, 1, nq)
    limits = np.stack((low, low + rng.uniform(0.2, 5, nq)), axis=1)
    period_s = draw(st.sampled_from([0.005, 0.02, 0.1]))
    return Bounds(limits, rng.uniform(slowest, 6, nq), rng.uniform(0.5, 40, nq), period_s, rng.uniform(0, 0.05))


def robot_bounds(name: str) -> Bounds:
    arm = CELLS[name].arm
    return Bounds(arm.limits, arm.velocity, arm.acceleration, PERIOD_S, 0.02)


def seen(last: Floats, last_v: Floats, **more: Floats) -> Observation:
    """What a lane shows filters of robots that are where they were sent; `more` replaces what they measure."""
    n = len(last)
    q = more.get("q", last[:, :-1].copy())
    none = np.zeros((n, 3))
    tool, tool_v = more.get("tool", none), more.get("tool_v", none)
    lane = {"rows": np.arange(n, dtype=np.int32), "last": last, "last_v": last_v, "tool_v": tool_v}
    return Observation(q, last_v.copy(), last[:, -1].copy(), tool, np.zeros((n, 1, 7)), **lane)


def with_grip(q: Floats) -> Floats:
    """Commands (n, nq + 1) of joints (n, nq): the gripper stays shut."""
    return np.concatenate((q, np.zeros((len(q), 1))), axis=1)


class Driven(NamedTuple):
    """joints (T + 2, n, nq) that were sent, the first two before the start; changed (T, n)."""

    sent: Floats
    changed: Ints


def drive(step: Any, asked: Floats, start: Floats, period_s: float) -> Driven:
    """Send what `asked` (T, n, nq) becomes behind a filter (None: as it is), to robots at rest at `start` (n, nq)."""
    last, last_v, sent, changed = with_grip(start), np.zeros_like(start), [start, start], []
    for q in asked:
        command = with_grip(q)
        if step is not None:
            out = step.certify(seen(last, last_v), command)
            command = out.command
            changed.append(out.changed)
        last_v, last = (command[:, :-1] - last[:, :-1]) / period_s, command
        sent.append(command[:, :-1])
    return Driven(np.array(sent), np.array(changed))


def worst(bounds: Bounds, sent: Floats) -> tuple[float, float, float]:
    """How far joints (T, n, nq) went beyond their limits: position in rad, velocity and acceleration as shares of the limit."""
    velocity = np.diff(sent, axis=0) / bounds.dt
    acceleration = np.diff(velocity, axis=0) / bounds.dt
    beyond = np.maximum(bounds.low - sent, sent - bounds.high).max()
    return beyond, (np.abs(velocity) / bounds.velocity).max(), (np.abs(acceleration) / bounds.acceleration).max()


def adversary(kind: str, bounds: Bounds, ticks: int, n: int, seed: int) -> Floats:
    """(ticks, n, nq) joint targets of somebody who knows the limits and wants them broken."""
    rng = np.random.default_rng(seed)
    span, shape = bounds.high - bounds.low, (ticks, n, len(bounds.low))
    far = rng.uniform(bounds.low - span, bounds.high + span, shape)
    match kind:
        case "jumps":
            return far
        case "holds":
            return np.repeat(far[:: 1 + ticks // 20], 1 + ticks // 20, axis=0)[:ticks]
        case "walk":
            step = rng.choice([-1.0, 0.0, 1.0], shape) * bounds.velocity * bounds.dt
            return bounds.low + 0.5 * span + np.cumsum(step, axis=0)
        case "ramps":
            return bounds.low + span * np.abs(np.linspace(0, rng.uniform(1, 40), ticks) % 2 - 1)[:, None, None] * np.ones(shape)
    raise ValueError(kind)


KINDS = ("jumps", "holds", "walk", "ramps")
