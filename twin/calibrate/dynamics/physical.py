"""Least squares over parameters that a real arm can have: a convex problem with the log-determinant as its wall.

A body's ten parameters are possible exactly if its pseudo-inertia [[tr(I)/2 1 − I, h], [hᵀ, m]] is positive definite (Wensing,
Kim, Slotine 2017). Added to the squares is the divergence tr(P P0⁻¹) − log det(P P0⁻¹) − 4 from the model's own body (Lee,
Wensing, Park 2019): convex, infinite where a body stops being possible, and what settles the directions that the log leaves
open. It weighs as much as one independent row. Armature and plain friction have the same term in one dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from twin.calibrate.dynamics.regressor import PER_BODY
from twin.core.records import Floats

ROUNDS: Final = 200
ENOUGH: Final = 1e-6
"""Newton stops where a step would gain less than this, in squares of the residual's standard deviation."""
FLOOR: Final = 1e-4
"""Least eigenvalue of a prior pseudo-inertia, as a share of its greatest: a model's body may be impossible itself."""


def pseudo(p: Floats) -> Floats:
    """The pseudo-inertia (4, 4) of ten parameters."""
    inertia = np.zeros((3, 3))
    inertia[np.triu_indices(3)] = p[4:]
    inertia = inertia + np.triu(inertia, 1).T
    out = np.empty((4, 4))
    out[:3, :3] = 0.5 * np.trace(inertia) * np.eye(3) - inertia
    out[:3, 3] = out[3, :3] = p[1:4]
    out[3, 3] = p[0]
    return out


BASIS: Final = np.stack([pseudo(row) for row in np.eye(PER_BODY)])
"""(10, 4, 4): the pseudo-inertia is linear in the parameters."""


def pseudos(p: Floats) -> Floats:
    """The pseudo-inertias (n, 4, 4) of n bodies (n, 10)."""
    return np.tensordot(p, BASIS, axes=1)


def parameters(matrix: Floats) -> Floats:
    """The ten parameters of a pseudo-inertia (4, 4)."""
    P = matrix
    inertia = np.trace(P[:3, :3]) * np.eye(3) - P[:3, :3]
    return np.concatenate([[P[3, 3]], P[:3, 3], inertia[np.triu_indices(3)]])


def possible(p: Floats, size: float = 0.05) -> Floats:
    """The nearest possible body to ten parameters; a body without mass becomes a ball of 0.1 kg and radius `size`."""
    if p[0] <= 0:
        return np.concatenate([[0.1], np.zeros(3), 0.4 * 0.1 * size**2 * np.array([1.0, 0, 0, 1, 0, 1])])
    values, turn = np.linalg.eigh(pseudo(p))
    return parameters(turn @ np.diag(np.maximum(values, FLOOR * values[-1])) @ turn.T)


def is_possible(p: Floats) -> bool:
    """Whether ten parameters are those of a body that can exist."""
    return bool(np.linalg.eigvalsh(pseudo(p))[0] > 0)


@dataclass(frozen=True)
class Problem:
    """½ x'Gx − g'x + walls. `bodies`: starts of ten columns; `positive`: columns > 0; `ridge` (p,): pull to `start`."""

    G: Floats
    g: Floats
    start: Floats
    bodies: tuple[int, ...]
    positive: tuple[int, ...]
    ridge: Floats

    def curvature(self) -> Floats:
        """Second derivative of the walls at `start` (p, p): what one row's worth of the model's own values knows."""
        return self._walls(self.start)[2]

    def _walls(self, x: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and curvature of the walls and the pull; infinite outside."""
        grad, curve = self.ridge * (x - self.start), np.diag(self.ridge)
        value = 0.5 * float(grad @ (x - self.start))
        at = np.array(self.bodies, int)[:, None] + np.arange(PER_BODY)
        P, P0 = pseudos(x[at]), pseudos(self.start[at])
        plain, plain0 = x[list(self.positive)], self.start[list(self.positive)]
        if (plain <= 0).any() or (np.linalg.eigvalsh(P)[:, 0] <= 0).any():
            return np.inf, grad, curve
        inverse, known = np.linalg.inv(P), np.linalg.inv(P0)
        far = np.einsum("bij,bji->b", known, P) - np.linalg.slogdet(P)[1] + np.linalg.slogdet(P0)[1] - 4
        ratio = plain / plain0
        value += float(far.sum() + (ratio - np.log(ratio) - 1).sum())
        half = np.einsum("bij,kjl->bkil", inverse, BASIS)
        grad[at] += np.einsum("bij,kji->bk", known, BASIS) - np.einsum("bkii->bk", half)
        curve[at[:, :, None], at[:, None, :]] += np.einsum("bkij,blji->bkl", half, half)
        grad[list(self.positive)] += 1 / plain0 - 1 / plain
        curve[list(self.positive), list(self.positive)] += 1 / plain**2
        return value, grad, curve

    def _objective(self, x: Floats) -> float:
        return self._walls(x)[0] + float(0.5 * x @ self.G @ x - self.g @ x)

    def solve(self) -> Floats:
        """The one minimum, by damped Newton steps from `start`."""
        x = self.start.copy()
        value = self._objective(x)
        for _ in range(ROUNDS):
            _, grad, curve = self._walls(x)
            grad = grad + self.G @ x - self.g
            step = -balanced(self.G + curve, grad)
            gain = -float(grad @ step)
            if gain < ENOUGH:
                break
            size = 1.0
            while (new := self._objective(x + size * step)) > value - 0.25 * size * gain and size > 1e-12:
                size *= 0.5
            if size <= 1e-12:
                break
            x, value = x + size * step, new
        return x


def balanced(matrix: Floats, right: Floats, jitter: float = 1e-13) -> Floats:
    """A symmetric system solved with its diagonal scaled to one first: its columns differ by many powers of ten."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    out: Floats = scale * np.linalg.solve(matrix * np.outer(scale, scale) + jitter * np.eye(len(right)), scale * right)
    return out


def inverse(matrix: Floats, jitter: float = 1e-13) -> Floats:
    """The inverse of a symmetric matrix, its diagonal scaled to one first."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    out: Floats = np.linalg.inv(matrix * np.outer(scale, scale) + jitter * np.eye(len(matrix))) * np.outer(scale, scale)
    return out
