"""What region filters share: a command passes only if the arm, braking from it at once, stays clear all the way to rest.

A drive is behind its command by what `lag` says, and each joint by its own: from where the arm is measured (q) it goes through
the triangle between q, the command and where the command comes to rest, in joint space. Points of the arm are looked at in the
corners; between them they leave the flat triangle by no more than their second derivative allows (`BEND`), and a drive leaves
the triangle by no more than a share of the way (`STRAY`). The margin at rest is `MARGIN_M`.

A row that could get out brakes now, all joints together, which the command before was found able to do.
"""

from __future__ import annotations

import math

import numpy as np

from twin.control.safety.limits import GAIN, HIGH, LOW, VELOCITY, Bounds, within
from twin.core.compiled import compiled
from twin.core.records import Floats
from twin.world.kinematics import Arm

MARGIN_M = 0.005
"""A point is kept this far inside, for what loads add."""
BEND = 0.17
"""A function of curvature M leaves the plane through the corners of a triangle of edges d by at most this times M·d²."""
STRAY = 0.08
"""Share of the way to rest by which coupling between joints and unequal inertias lead a drive off the triangle. Found on the
arms that ship by `benchmarks.attacks`, which prints the worst that was seen."""


def way(bounds: Bounds, q: Floats, last: Floats, ask: Floats) -> Floats:
    """(nq, n) rad, how far joints measured at `q` (nq, n), sent to `last` and asked for `ask`, can get before they rest."""
    off: Floats = np.empty(q.shape)
    _all_ways(bounds.table, bounds.dt, q, last, ask, off)
    return off


def ends(bounds: Bounds, last: Floats, last_v: Floats, asked: Floats) -> Floats:
    """(2, nq, n) rad, where joints at `last` (nq, n), sent at `last_v`, are a period later if they do what they can of `asked`,
    and where they come to rest if they brake then."""
    out: Floats = np.empty((2, *last.shape))
    _all_ends(bounds.table, bounds.dt, last, last_v, asked, out)
    return out


@compiled
def way_of(table: Floats, dt: float, q: Floats, last: Floats, ask: Floats, out: Floats) -> None:
    """`way` of one arm: all (nq,)."""
    spent = 0.0
    for j in range(len(q)):
        spent = max(spent, abs(ask[j] - last[j]) / table[GAIN, j])
    spent = 0.5 * spent / dt + 0.5  # so many times this period's step the arm makes while it brakes
    for j in range(len(q)):
        out[j] = (abs(ask[j] - q[j]) + abs(ask[j] - last[j]) * spent) * (1.0 + STRAY)


@compiled
def ends_of(table: Floats, dt: float, last: Floats, last_v: Floats, asked: Floats, out: Floats) -> None:
    """`ends` of one arm: out (2, nq), all others (nq,)."""
    spent, command, rest = 0.0, out[0], out[1]
    for j in range(len(last)):
        gain, fastest = table[GAIN, j], table[VELOCITY, j]
        speed = within(within((asked[j] - last[j]) / dt, last_v[j] - gain, last_v[j] + gain), -fastest, fastest)
        spent = max(spent, abs(speed) / gain)
        command[j] = speed
    whole = math.floor(spent)
    seconds = dt * (1.0 + whole - whole * (whole + 1) / max(2 * spent, 1e-9))
    for j in range(len(last)):
        speed = command[j]
        command[j] = last[j] + dt * speed
        # where joints brake harder to keep their range
        rest[j] = within(last[j] + seconds * speed, table[LOW, j], table[HIGH, j])


@compiled
def _all_ways(table: Floats, dt: float, q: Floats, last: Floats, ask: Floats, out: Floats) -> None:
    for i in range(q.shape[1]):
        way_of(table, dt, q[:, i], last[:, i], ask[:, i], out[:, i])


@compiled
def _all_ends(table: Floats, dt: float, last: Floats, last_v: Floats, asked: Floats, out: Floats) -> None:
    for i in range(last.shape[1]):
        ends_of(table, dt, last[:, i], last_v[:, i], asked[:, i], out[:, :, i])


def levers(arm: Arm) -> Floats:
    """(nq,) m, the furthest that the tool gets from the axis of each joint, found on an even spread of poses, and 5 % more."""
    linear = arm.jac(spread(arm))[:, :3]
    furthest: Floats = 1.05 * np.sqrt((linear * linear).sum(axis=1)).max(axis=0)
    return furthest


def reaches(arm: Arm) -> Floats:
    """(3, nq) m, the most that a radian of each joint moves the tool along x, y and z, found in the same way."""
    most: Floats = 1.05 * np.abs(arm.jac(spread(arm))[:, :3]).max(axis=0)
    return most


def spread(arm: Arm) -> Floats:
    """(2000, nq) rad, poses spread evenly over the joints' ranges."""
    share = np.arange(2000)[:, None] * np.sqrt(np.arange(arm.nq) + 1.5) % 1.0  # roots that share no period
    poses: Floats = arm.limits[:, 0] + share * (arm.limits[:, 1] - arm.limits[:, 0])
    return poses
