"""Position servos of arms, the weight that they carry, and what their rotors feel: MuJoCo's law, sparing with calls.

A servo's torque follows its joint; calling Bullet before every step for that costs as much as the step. So each servo keeps a
torque for a hold of some steps: the mean of what the law gives in it. How the joint will move meanwhile comes from the arm's
inertia and from the rest of what acts on it, taken to be what it was in the hold before. Solved for, not guessed from the last
acceleration: stiff servos on light joints then stay as stable as they are in MuJoCo's implicit integrator.
"""

from __future__ import annotations

import numpy as np

from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Rows
from twin.world.cell import CellModel
from twin.world.kinematics import frames_of
from twin.world.spheres import carrier, standing

HOLD = 10
"""Bullet's steps for which a torque is kept, 10 ms: a finger that meets something is not pushed against it for longer."""


class Servos:
    """The servos of n arms of a kind. Gains (n, nq) and the share (n,) of the weight that is carried may be written.

    `given` (n, nq) Nm is what each servo itself gave last, `put` (n, nq) Nm what is to be put on its joint.
    """

    def __init__(self, cell: CellModel, n: int) -> None:
        arm, model = cell.arm, cell.model
        self.arm = arm
        self.links, self.g = _links(cell), -float(model.opt.gravity[2])
        self.armature: Floats = model.dof_armature[cell.arm_q].copy()
        self.own: Floats = model.dof_damping[cell.arm_q].copy()
        self.stiffness, self.damping, self.limit = (np.tile(g, (n, 1)) for g in (arm.stiffness, arm.damping, arm.torque))
        self.carried: Floats = np.ones(n)
        self.given: Floats = np.zeros((n, arm.nq))
        self.put: Floats = np.zeros((n, arm.nq))
        self._kept: Floats = np.zeros((n, arm.nq))
        self._last: Floats = np.zeros((n, arm.nq))
        self._since: Floats = np.zeros(n)
        self._law = (
            arm.fixed, arm.zero, self.links, self.armature, self.own, self.g, self.stiffness, self.damping, self.limit,
            self.carried, self.given, self._kept, self._last, self._since, self.put,
        )  # fmt: skip

    def law(self, rows: Rows) -> bytes:
        """What can be written here, of rows."""
        return b"".join(part[rows].tobytes() for part in (self.stiffness, self.damping, self.limit, self.carried))

    def reset(self, rows: Rows) -> None:
        """Forget how rows moved."""
        self.given[rows] = self._kept[rows] = self._last[rows] = 0.0
        self._since[rows] = 0.0

    def hold(self, rows: Rows, first: int, end: int, table: Floats, speeds: int, target: Floats, seconds: float) -> None:
        """Into `put` what to keep for some seconds, for `rows` from index `first` to before `end`: their joints are at
        table[row, :nq] rad, at table[row, speeds : speeds + nq] rad/s, and wanted at target[i, :nq] rad."""
        _held(rows, first, end, table, speeds, target, seconds, *self._law)


def _links(cell: CellModel) -> Floats:
    """(nq, 4, 4) what each joint carries up to the next, in the frame behind it: the sum over kg at (x, y, z) of the products
    of (x, y, z, 1). Fingers as they are when shut."""
    model, arm = cell.model, cell.arm
    data, frames, joints = standing(cell)
    found: Floats = np.zeros((arm.nq, 4, 4))
    for body in range(1, model.nbody):
        link, _ = carrier(model, body, joints)
        if link is None:
            continue
        behind, turn = frames[link + 1], data.ximat[body].reshape(3, 3)
        moments, kg = model.body_inertia[body], float(model.body_mass[body])
        at = np.append(behind[:, :3].T @ (data.xipos[body] - behind[:, 3]), 1.0)
        found[link] += kg * np.outer(at, at)
        turn = behind[:, :3].T @ turn
        found[link, :3, :3] += (turn * (0.5 * moments.sum() - moments)) @ turn.T
    return found


@compiled
def _held(
    rows: Rows, first: int, end: int, table: Floats, speeds: int, target: Floats, h: float, fixed: Floats, zero: Floats,
    links: Floats, armature: Floats, own: Floats, g: float, stiffness: Floats, damping: Floats, limit: Floats,
    carried: Floats, given: Floats, kept: Floats, last: Floats, since: Floats, put: Floats,
) -> None:  # fmt: skip
    """Into `given` what servos of rows give in the mean of the next `h` seconds; into `kept` that with the joints' own damping,
    and with what makes Bullet's links, which have rotors in them, turn as MuJoCo's; into `put` all that with the weight.

    `last` (n, nq) rad/s are the speeds `since` (n,) seconds ago, when `kept` was put in: what is left of Bullet's accelerations
    since then is the rest of what acts on the joints.
    """
    nq = armature.shape[0]
    frames, middle = np.empty((nq + 1, 3, 4)), np.empty(nq)
    inertia, weight = np.empty((nq, nq)), np.empty(nq)
    rotors, felt = np.empty((nq, nq)), np.empty(nq)
    rest, way, free = np.empty(nq), np.empty(nq), np.empty(nq, np.bool_)
    for i in range(first, end):
        row = rows[i]
        q, dq = table[row, :nq], table[row, speeds : speeds + nq]
        for j in range(nq):
            middle[j] = q[j] + 0.5 * h * dq[j]
        frames_of(fixed, zero, middle, frames)
        _inertia(links, frames, g, inertia, weight)
        _rotors(armature, frames, dq, rotors, felt)
        for j in range(nq):
            inertia[j, j] += armature[j]
            rest[j], free[j] = 0.0, True
            if since[row] > 0.0:
                rest[j] = -kept[row, j]
                for k in range(nq):
                    rest[j] += (inertia[j, k] + rotors[j, k]) * (dq[k] - last[row, k]) / since[row]
        _moves(h, q, dq, target[i], stiffness[row], damping[row], own, limit[row], inertia, rest, given[row], way, free)
        for j in range(nq):
            last[row, j] = dq[j]
            kept[row, j] = given[row, j] - own[j] * (dq[j] + 0.5 * h * way[j])
            for k in range(nq):
                kept[row, j] += rotors[j, k] * way[k]
            put[row, j] = kept[row, j] + felt[j] + carried[row] * weight[j]
        since[row] = h


@compiled
def _moves(
    h: float, q: Floats, dq: Floats, target: Floats, stiffness: Floats, damping: Floats, own: Floats, limit: Floats,
    inertia: Floats, rest: Floats, given: Floats, way: Floats, free: Bools,
) -> None:  # fmt: skip
    """Into `way` (nq,) rad/s² the mean acceleration over `h` seconds under servos that give `given` in the mean: the law where
    it stays within the limit, the limit else. Each round fixes one more servo at its limit, so that it ends."""
    nq = len(q)
    left, again = np.empty((nq, nq)), True
    while again:
        again = False
        for j in range(nq):
            for k in range(nq):
                left[j, k] = inertia[j, k]
            left[j, j] += 0.5 * h * own[j]
            way[j] = rest[j] - own[j] * dq[j]
            if free[j]:
                left[j, j] += h * (0.5 * damping[j] + h * stiffness[j] / 6.0)
                way[j] += stiffness[j] * (target[j] - q[j] - 0.5 * h * dq[j]) - damping[j] * dq[j]
            else:
                way[j] += given[j]
        _solve(left, way)
        for j in range(nq):
            if not free[j]:
                continue
            push = stiffness[j] * (target[j] - q[j] - h * (0.5 * dq[j] + h * way[j] / 6.0))
            push -= damping[j] * (dq[j] + 0.5 * h * way[j])
            given[j] = min(limit[j], max(-limit[j], push))
            if given[j] != push:
                free[j], again = False, True


@compiled
def _inertia(links: Floats, frames: Floats, g: float, inertia: Floats, weight: Floats) -> None:
    """Joint-space inertia (nq, nq) kg m², and the torques (nq,) Nm that carry the weight: bodies as sums of products of
    coordinates (Atkeson's pseudo-inertia), of which a joint's turn is a linear map."""
    nq = len(links)
    sums, turns, moved = np.zeros((4, 4)), np.empty((nq, 3, 4)), np.empty((3, 4))
    for j in range(nq):
        x, y, z = frames[j, 0, 2], frames[j, 1, 2], frames[j, 2, 2]
        turns[j, 0, 0] = turns[j, 1, 1] = turns[j, 2, 2] = 0.0
        turns[j, 0, 1], turns[j, 0, 2], turns[j, 1, 2] = -z, y, -x
        turns[j, 1, 0], turns[j, 2, 0], turns[j, 2, 1] = z, -y, x
        for a in range(3):
            turns[j, a, 3] = 0.0
            for b in range(3):
                turns[j, a, 3] -= turns[j, a, b] * frames[j, b, 3]
    for j in range(nq - 1, -1, -1):
        _gather(links[j], frames[j + 1], sums)
        for a in range(3):
            for b in range(4):
                moved[a, b] = 0.0
                for c in range(3):
                    moved[a, b] += turns[j, a, c] * sums[c, b]
                moved[a, b] += turns[j, a, 3] * sums[3, b]
        weight[j] = g * moved[2, 3]
        for k in range(j + 1):
            total = 0.0
            for a in range(3):
                for b in range(4):
                    total += turns[k, a, b] * moved[a, b]
            inertia[j, k] = inertia[k, j] = total


@compiled
def _gather(link: Floats, frame: Floats, sums: Floats) -> None:
    """Add what a joint carries (4, 4) in its frame (3, 4) to the sums in the base's."""
    half = np.empty((4, 4))
    for a in range(3):
        for b in range(4):
            half[a, b] = frame[a, 3] * link[3, b]
            for c in range(3):
                half[a, b] += frame[a, c] * link[c, b]
    for b in range(4):
        half[3, b] = link[3, b]
    for a in range(4):
        for b in range(3):
            sums[a, b] += half[a, 3] * frame[b, 3]
            for c in range(3):
                sums[a, b] += half[a, c] * frame[b, c]
        sums[a, 3] += half[a, 3]


@compiled
def _rotors(armature: Floats, frames: Floats, dq: Floats, rotors: Floats, felt: Floats) -> None:
    """What rotors that stand in the links, and turn with them, take beside those that turn with their own joint alone: into
    `rotors` (nq, nq) kg m² the part that goes with accelerations, into `felt` (nq,) Nm that of speeds."""
    nq = len(dq)
    along = np.empty(nq)
    rotors[:] = 0.0
    felt[:] = 0.0
    x, y, z, ax, ay, az = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0  # a link's turning, rad/s, and how it changes by itself, rad/s²
    for j in range(nq):
        u, v, w = frames[j, 0, 2], frames[j, 1, 2], frames[j, 2, 2]
        ax, ay, az = ax + (y * w - z * v) * dq[j], ay + (z * u - x * w) * dq[j], az + (x * v - y * u) * dq[j]
        x, y, z = x + u * dq[j], y + v * dq[j], z + w * dq[j]
        spin, own = x * u + y * v + z * w, ax * u + ay * v + az * w
        for k in range(j + 1):
            r, s, t = frames[k, 0, 2], frames[k, 1, 2], frames[k, 2, 2]
            along[k] = u * r + v * s + w * t
            across = (y * w - z * v) * r + (z * u - x * w) * s + (x * v - y * u) * t
            felt[k] += armature[j] * (own * along[k] + spin * across)
            for i in range(k + 1):
                rotors[k, i] += armature[j] * along[k] * along[i]
        rotors[j, j] -= armature[j]
    for k in range(nq):
        for i in range(k):
            rotors[i, k] = rotors[k, i]


@compiled
def _solve(left: Floats, right: Floats) -> None:
    """`left` x = `right` for a symmetric positive definite matrix, in place (Cholesky); NaN where it is none."""
    n = len(right)
    for j in range(n):
        for k in range(j):
            left[j, j] -= left[j, k] * left[j, k]
        left[j, j] = np.sqrt(left[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                left[i, j] -= left[i, k] * left[j, k]
            left[i, j] /= left[j, j]
    for i in range(n):
        for k in range(i):
            right[i] -= left[i, k] * right[k]
        right[i] /= left[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            right[i] -= left[k, i] * right[k]
        right[i] /= left[i, i]
