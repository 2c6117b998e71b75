"""What region filters share: a command passes only if the arm, braking from it at once, stays clear all the way to rest.

A drive is behind its command by what `lag` says, and each joint by its own: from where the arm is measured (q) it goes through
the triangle between q, the command and where the command comes to rest, in joint space. Points of the arm are looked at in the
corners; between them they leave the flat triangle by no more than their second derivative allows (`BEND`), and a drive leaves
the triangle by no more than a share of the way (`STRAY`). The margin at rest is `MARGIN_M`.

A row that could get out brakes now, all joints together, which the command before was found able to do.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds
from twin.core.records import Floats
from twin.world.kinematics import Arm

MARGIN_M = 0.005
"""A point is kept this far inside, for what loads add."""
BEND = 0.17
"""A function of curvature M leaves the plane through the corners of a triangle of edges d by at most this times M·d²."""
STRAY = 0.08
"""Share of the way to rest by which coupling between joints and unequal inertias lead a drive off the triangle. Found on the
arms that ship by `benchmarks.safety`, which prints the worst that was seen."""


def way(bounds: Bounds, q: Floats, last: Floats, ask: Floats) -> Floats:
    """(nq, n) rad, how far joints measured at `q` (nq, n), sent to `last` and asked for `ask`, can get before they rest."""
    step = ask - last
    off: Floats = np.abs(ask - q)
    np.abs(step, out=step)
    spent = np.maximum.reduce(step / bounds.gain[:, None], axis=0)
    spent *= 0.5 / bounds.dt
    spent += 0.5  # so many times this period's step the arm makes while it brakes
    step *= spent
    off += step
    off *= 1.0 + STRAY
    return off


def ends(bounds: Bounds, last: Floats, last_v: Floats, asked: Floats) -> Floats:
    """(2, nq, n) rad, where joints at `last` (nq, n), sent at `last_v`, are a period later if they do what they can of `asked`,
    and where they come to rest if they brake then."""
    gain, velocity = bounds.gain[:, None], bounds.velocity[:, None]
    speed = asked - last
    speed /= bounds.dt
    np.minimum(np.maximum(speed, last_v - gain, out=speed), last_v + gain, out=speed)
    np.minimum(np.maximum(speed, -velocity, out=speed), velocity, out=speed)
    spent = np.maximum.reduce(np.abs(speed) / gain, axis=0)
    whole = np.floor(spent)
    seconds = whole * (whole + 1)
    seconds /= np.maximum(2 * spent, 1e-9)
    np.subtract(1.0 + whole, seconds, out=seconds)
    seconds *= bounds.dt
    out: Floats = np.empty((2, *speed.shape))
    command, rest = out
    np.add(np.multiply(speed, bounds.dt, out=command), last, out=command)
    np.add(np.multiply(speed, seconds, out=rest), last, out=rest)
    # where joints brake harder to keep their range
    np.minimum(np.maximum(rest, bounds.low[:, None], out=rest), bounds.high[:, None], out=rest)
    return out


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
