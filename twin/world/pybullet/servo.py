"""Position servos of arms, the weight that they carry, and what their rotors feel: MuJoCo's law, sparing with calls.

A servo's torque follows its joint; calling Bullet before every step for that costs as much as the step. So each servo keeps a
torque for a hold of some steps: the mean of what the law gives in it. How the joint will move meanwhile is solved for, from the
arm's inertia, from what its turning takes, and from the rest of what acts on it: stiff servos on light joints then stay as
stable as they are in MuJoCo's implicit integrator. The rest is found by what came otherwise than it was meant.

An arm that touches nothing moves as it was meant to 1 % of its torques, so that two holds are planned at once, with no look at
its joints in between. What pads touch is in no plan: then every hold is planned by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Rows
from twin.world.cell import CellModel
from twin.world.kinematics import frames_of
from twin.world.spheres import carrier, standing

HOLD = 10
"""Bullet's steps for which a torque is kept, 10 ms: a finger that presses on something is not pushed on for longer."""
Spans = tuple[float, float]
"""How long two holds are, s; the second may be left out: 0."""


class Servos:
    """The servos of n arms of a kind. Gains (n, nq) and the share (n,) of the weight that is carried may be written.

    `given` (n, nq) Nm is what each servo itself gave last, `put` (n, 2, nq) Nm what is to be put on its joint, hold by hold,
    `rest` (n, nq) Nm what else acts on it, as far as the last plan shows.
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
        self.put: Floats = np.zeros((n, 2, arm.nq))
        self._last: Floats = np.zeros((n, arm.nq))
        self.rest: Floats = np.zeros((n, arm.nq))
        self._ways: Floats = np.zeros((n, 2, arm.nq))
        self._spans: Floats = np.zeros((n, 2))
        self._law: Any = (
            arm.fixed, arm.zero, self.links, self.armature, self.own, self.g, self.stiffness, self.damping, self.limit,
            self.carried, self.given, self.rest, self._last, self._ways, self._spans, self.put,
        )  # fmt: skip

    def law(self, rows: Rows) -> bytes:
        """What can be written here, of rows."""
        return b"".join(part[rows].tobytes() for part in (self.stiffness, self.damping, self.limit, self.carried))

    def reset(self, rows: Rows) -> None:
        """Forget how rows moved."""
        self.given[rows] = self._last[rows] = 0.0
        self.rest[rows] = self._ways[rows] = self._spans[rows] = 0.0

    def plan(
        self, rows: Rows, first: int, end: int, table: Floats, speeds: int, target: Floats, spans: Spans, played: int
    ) -> None:
        """Into `put` what to keep in each of two holds, for `rows` from index `first` to before `end`: their joints are at
        table[row, :nq] rad, at table[row, speeds : speeds + nq] rad/s, and wanted at target[i, :nq] rad. Of the plan before so
        many holds were played, 1 or 2."""
        _planned(rows, first, end, table, speeds, target, *spans, played, *self._law)


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
def _planned(
    rows: Rows, first: int, end: int, table: Floats, speeds: int, target: Floats, one: float, two: float, played: int,
    fixed: Floats, zero: Floats, links: Floats, armature: Floats, own: Floats, g: float, stiffness: Floats, damping: Floats,
    limit: Floats, carried: Floats, given: Floats, rest: Floats, last: Floats, ways: Floats, spans: Floats, put: Floats,
) -> None:  # fmt: skip
    """Into `given` what servos of rows give in the mean of a hold; into `put` that with the joints' own damping, with the
    weight that they carry, and with what makes Bullet's links, which have rotors in them, turn as MuJoCo's.

    Of the plan before, `last` (n, nq) rad/s are the speeds when it began, `spans` (n, 2) s how long its holds were, `ways`
    (n, 2, nq) rad/s² the accelerations that it meant in them. What came of it otherwise is due to something else that acts on
    the joints: `rest` (n, nq) Nm, taken to last.
    """
    nq = armature.shape[0]
    frames, middle, fast, off = np.empty((nq + 1, 3, 4)), np.empty(nq), np.empty(nq), np.empty(nq)
    inertia, weight, turning = np.empty((nq, nq)), np.empty(nq), np.empty(nq)
    rotors, felt = np.empty((nq, nq)), np.empty(nq)
    outer, q, dq, free = np.empty(nq), np.empty(nq), np.empty(nq), np.empty(nq, np.bool_)
    for i in range(first, end):
        row = rows[i]
        for j in range(nq):
            q[j], dq[j] = table[row, j], table[row, speeds + j]
        _missed(played, dq, last[row], ways[row], spans[row], off)
        for hold in range(2):
            h, way = two if hold else one, ways[row, hold]
            if h == 0.0:
                continue
            for j in range(nq):
                middle[j], fast[j] = q[j] + 0.5 * h * dq[j], dq[j] + 0.5 * h * way[j]
            frames_of(fixed, zero, middle, frames)
            _inertia(links, frames, g, fast, inertia, weight, turning)
            _rotors(armature, frames, fast, rotors, felt)
            for j in range(nq):
                inertia[j, j] += armature[j]
                if hold == 0:
                    for k in range(nq):
                        rest[row, j] += (inertia[j, k] + rotors[j, k]) * off[k]
                outer[j], free[j] = rest[row, j] - turning[j] - (1.0 - carried[row]) * weight[j], True
            _moves(h, q, dq, target[i], stiffness[row], damping[row], own, limit[row], inertia, outer, given[row], way, free)
            for j in range(nq):
                put[row, hold, j] = given[row, j] - own[j] * (dq[j] + 0.5 * h * way[j]) + felt[j] + carried[row] * weight[j]
                for k in range(nq):
                    put[row, hold, j] += rotors[j, k] * way[k]
            for j in range(nq):
                q[j] += h * (dq[j] + 0.5 * h * way[j])
                dq[j] += h * way[j]
        spans[row, 0], spans[row, 1] = one, two


@compiled
def _missed(played: int, dq: Floats, last: Floats, ways: Floats, spans: Floats, off: Floats) -> None:
    """Into `off` (nq,) rad/s² by how much accelerations were more than meant, in the mean; into `last` the speeds now."""
    second = spans[1] if played == 2 else 0.0
    for j in range(len(dq)):
        off[j] = 0.0
        if spans[0] > 0.0:
            off[j] = (dq[j] - last[j] - spans[0] * ways[0, j] - second * ways[1, j]) / (spans[0] + second)
        last[j] = dq[j]


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
def _inertia(links: Floats, frames: Floats, g: float, dq: Floats, inertia: Floats, weight: Floats, turning: Floats) -> None:
    """Joint-space inertia (nq, nq) kg m², and the torques (nq,) Nm that carry the weight and that the arm's turning at `dq`
    takes (centrifugal and Coriolis): bodies as sums of products of coordinates (Atkeson's pseudo-inertia), of which a joint's
    turn is a linear map."""
    nq = len(links)
    alone, sums, moved = np.empty((nq, 4, 4)), np.zeros((4, 4)), np.empty((3, 4))
    turns, bends, forces = np.empty((nq, 3, 4)), np.empty((nq, 3, 4)), np.zeros((3, 4))
    _turns(frames, dq, turns, bends)
    for j in range(nq - 1, -1, -1):
        _carried(links[j], frames[j + 1], alone[j])
        sums += alone[j]
        _times(turns[j], sums, moved)
        weight[j] = g * moved[2, 3]
        for k in range(j + 1):
            inertia[j, k] = inertia[k, j] = _dot(turns[k], moved)
        _times(bends[j], alone[j], moved)
        forces += moved
        turning[j] = _dot(turns[j], forces)


@compiled
def _turns(frames: Floats, dq: Floats, turns: Floats, bends: Floats) -> None:
    """Into `turns` (nq, 3, 4) how a turn of each joint moves (x, y, z, 1); into `bends` (nq, 3, 4) how joints that turn
    steadily accelerate a point of the link behind each."""
    moving, swerving = np.zeros((4, 4)), np.zeros((3, 4))
    there, back = np.empty((3, 4)), np.empty((3, 4))
    turn = np.zeros((4, 4))
    for j in range(len(dq)):
        x, y, z = frames[j, 0, 2], frames[j, 1, 2], frames[j, 2, 2]
        turn[0, 1], turn[0, 2], turn[1, 2] = -z, y, -x
        turn[1, 0], turn[2, 0], turn[2, 1] = z, -y, x
        for a in range(3):
            turn[a, 3] = 0.0
            for b in range(3):
                turn[a, 3] -= turn[a, b] * frames[j, b, 3]
        turns[j] = turn[:3]
        _times(moving[:3], turn, there)
        _times(turn[:3], moving, back)
        for a in range(3):
            for b in range(4):
                swerving[a, b] += (there[a, b] - back[a, b]) * dq[j]
                moving[a, b] += turn[a, b] * dq[j]
        _times(moving[:3], moving, there)
        for a in range(3):
            for b in range(4):
                bends[j, a, b] = swerving[a, b] + there[a, b]


@compiled
def _dot(one: Floats, other: Floats) -> float:
    """The sum over products of elements (3, 4)."""
    total = 0.0
    for a in range(3):
        for b in range(4):
            total += one[a, b] * other[a, b]
    return total


@compiled
def _times(left: Floats, right: Floats, product: Floats) -> None:
    """Into `product` (3, 4) `left` (3, 4) times `right` (4, 4)."""
    for a in range(3):
        for b in range(4):
            product[a, b] = (
                left[a, 0] * right[0, b] + left[a, 1] * right[1, b] + left[a, 2] * right[2, b] + left[a, 3] * right[3, b]
            )


@compiled
def _carried(link: Floats, frame: Floats, sums: Floats) -> None:
    """Into `sums` (4, 4), in the base's frame, what a joint carries (4, 4) in its own (3, 4)."""
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
            sums[a, b] = half[a, 3] * frame[b, 3]
            for c in range(3):
                sums[a, b] += half[a, c] * frame[b, c]
        sums[a, 3] = half[a, 3]


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
