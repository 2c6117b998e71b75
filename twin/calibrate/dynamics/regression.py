"""The regression: which columns unseen blocks ask for, the possible arm that fits best, and how sure its values are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from twin.calibrate.dynamics import friction
from twin.calibrate.dynamics.design import Group, Layout, Rows, prior, rows
from twin.calibrate.dynamics.physical import Problem, balanced, inverse, possible
from twin.calibrate.dynamics.regressor import PER_BODY
from twin.calibrate.dynamics.signals import OVERSAMPLE, Motion
from twin.core.records import Floats

FOLDS: Final = 6
ROUNDS: Final = 8
"""How often the columns that multiply unknown by unknown are renewed at most."""
SETTLED: Final = 1e-6
MEMORY: Final = 4.0
"""Periods of the cut-off over which residuals may hang together."""
OFFSET_SPREAD: Final = 0.1
"""How far a torque's zero may plausibly be off, as a share of the joint's torque (one standard deviation)."""
TILT_SPREAD: Final = 0.02
"""How far a base may plausibly be off level, rad (one standard deviation)."""
ZERO_SPREAD: Final = 0.03
"""How far an encoder's zero may plausibly be off, rad (one standard deviation)."""
INDEPENDENT: Final = 2 / OVERSAMPLE
"""Share of the rows that count as independent: a signal of bandwidth f has 2 f values a second."""
ARMATURE: Final = 0.01
"""Where the model says nothing of armature, kg m²: only a start."""

Item = friction.Column | Group
WORDS: Final[dict[Group, str]] = {
    "gain": "gains of the torque sensors",
    "tilt": "a base that is not level",
    "delay": "a delay of the torques",
    "zero": "zeros of the positions",
}


@dataclass(frozen=True)
class Trial:
    """One step of the choice of columns: what was tried, its error on unseen blocks (in standard deviations of the residual of
    the plainest model; less is better), its Bayesian information criterion, and whether it was taken."""

    added: str
    unseen: float
    bic: float
    taken: bool


@dataclass(frozen=True)
class Choice:
    """A layout, how it was chosen, and the residual's size on blocks that it was not fitted to (nv,), Nm."""

    layout: Layout
    trials: tuple[Trial, ...]
    unseen: Floats


@dataclass(frozen=True)
class Fitted:
    """A fit: layout, values (p,), covariance (p, p), residual size (nv,), the scaled normal matrix, and how it was chosen."""

    layout: Layout
    x: Floats
    cov: Floats
    sigma: Floats
    G: Floats
    walls: Floats
    """What was known beforehand: curvature of the walls and of the pull (p, p)."""
    n: int
    trials: tuple[Trial, ...]
    cutoff_hz: float

    def predict(self, motions: Sequence[Motion], *, whole: bool = True) -> list[tuple[Floats, Floats]]:
        """Measured and predicted torque (n, nv), filtered, of every piece (or of all but its ends), told the motion alone."""
        made = [rows(self.layout, motion, self.cutoff_hz, self.x, whole=whole) for motion in motions]
        return [(piece.b, piece.A @ self.x) for piece in made]


def ridge(layout: Layout, made: Sequence[Rows], spread: float) -> Floats:
    """What is known of every column beforehand, as the inverse of a variance (p,): nothing of what is rigid (walls hold it)."""
    out = np.zeros(layout.width)
    A, b = np.concatenate([piece.A for piece in made]), np.concatenate([piece.b for piece in made])
    for column in layout.friction:
        (at,) = layout.at(column)
        size = np.sqrt(np.mean(A[:, column.joint, at] ** 2)) + 1e-12
        spread_of = np.std(b[:, column.joint]) * (OFFSET_SPREAD if column.kind == "offset" else 1.0)
        out[at] = (size / (spread_of + 1e-9)) ** 2
    known: dict[str, float] = {"gain": spread, "tilt": TILT_SPREAD, "delay": 0.02, "zero": ZERO_SPREAD}
    for group in layout.sensors:
        out[layout.at(group)] = 1 / known[group] ** 2
    return out


def normal(made: Sequence[Rows], sigma: Floats) -> tuple[Floats, Floats]:
    """Normal matrix and right side of pieces, each joint in units of its residual, scaled to independent rows."""
    G, g = np.zeros((made[0].A.shape[2],) * 2), np.zeros(made[0].A.shape[2])
    for piece in made:
        W = (piece.A / sigma[:, None]).reshape(-1, piece.A.shape[2])
        G, g = G + W.T @ W * INDEPENDENT, g + W.T @ (piece.b / sigma).ravel() * INDEPENDENT
    return G, g


def problem(layout: Layout, gram: Floats, g: Floats, pull: Floats) -> Problem:
    """The convex problem of a layout; positive: armature, and the plain friction of joints that have nothing on top of it."""
    start = np.zeros(layout.width)
    known = prior(layout)
    for at in range(0, layout.inertial, PER_BODY):
        known[at : at + PER_BODY] = possible(known[at : at + PER_BODY])
    known[layout.inertial :] = np.maximum(known[layout.inertial :], ARMATURE)
    start[: layout.rigid] = known
    positive = list(range(layout.inertial, layout.rigid))
    for column in layout.friction:
        (at,) = layout.at(column)
        curved = any(c.joint == column.joint and c.kind == "quadratic" for c in layout.friction)
        if column.kind in ("coulomb", "presliding", "load") or (column.kind == "viscous" and not curved):
            positive.append(at)
            start[at] = 0.1 / np.sqrt(max(pull[at], 1e-12))
    return Problem(gram, g, start, tuple(range(0, layout.inertial, PER_BODY)), tuple(positive), pull)


def residual_size(made: Sequence[Rows], x: Floats) -> Floats:
    """Rms residual of every joint (nv,)."""
    r = np.concatenate([piece.A @ x - piece.b for piece in made])
    return np.asarray(np.sqrt(np.mean(r**2, axis=0))) + 1e-9


def solve(
    layout: Layout,
    motions: Sequence[Motion],
    cutoff_hz: float,
    spread: float,
    choice: Choice | None = None,
) -> Fitted:
    """The possible arm that fits best, weights and bilinear columns renewed until they settle."""
    x: Floats | None = None
    sigma: Floats | None = None
    for _ in range(ROUNDS):
        last = x
        made = [rows(layout, motion, cutoff_hz, x) for motion in motions]
        pull = ridge(layout, made, spread)
        if sigma is None:
            sigma = residual_size(made, np.zeros(layout.width) if x is None else x)
        for _ in range(2):
            G, g = normal(made, sigma)
            task = problem(layout, G, g, pull)
            x = task.solve()
            sigma = residual_size(made, x)
        if last is not None and x is not None and np.abs(x - last).max() < SETTLED * np.abs(x).max():
            break
    assert x is not None and sigma is not None
    n = sum(len(piece.b) for piece in made)
    walls = task.curvature()
    gram = normal(made, sigma)[0]
    unseen = None if choice is None else choice.unseen
    cov, trials = covariance(made, x, sigma, gram, walls, unseen), () if choice is None else choice.trials
    return Fitted(layout, x, cov, sigma, gram, walls, n, trials, cutoff_hz)


def covariance(
    made: Sequence[Rows], x: Floats, sigma: Floats, gram: Floats, walls: Floats, unseen: Floats | None = None
) -> Floats:
    """Covariance of the values (p, p): residuals that hang together over time are counted as such.

    Bread: the curvature of the whole problem. Filling: the outer products of the rows' pulls, summed over the filter's memory
    with weights that are one up to its half, so that a short memory counts in full (Politis, Romano 1995), pieces apart; and
    what was known beforehand, with its own uncertainty. Residuals count as large as on `unseen` blocks (nv,), and at least as
    large as the number of values asks for.
    """
    turned = inverse(gram + walls)
    filling, n = np.zeros_like(walls), 0
    for piece in made:
        pulls = np.einsum("njp,nj->np", piece.A / sigma[:, None], (piece.b - piece.A @ x) / sigma) * INDEPENDENT
        lags = int(MEMORY * OVERSAMPLE)
        filling += pulls.T @ pulls
        for lag in range(1, min(lags, len(pulls) - 1) + 1):
            cross = pulls[lag:].T @ pulls[:-lag]
            filling += min(1.0, 2 - 2 * lag / (lags + 1)) * (cross + cross.T)
        n += pulls.shape[0] * len(sigma)
    known = float(np.trace(turned @ gram))
    all_ = n * INDEPENDENT
    wider = all_ / max(all_ - known, 0.2 * all_)
    if unseen is not None:
        wider = max(wider, 1 / float(np.mean((sigma / unseen) ** 2)))
    return np.asarray(turned @ (filling * wider + walls) @ turned)


def plain_unseen(layout: Layout, motions: Sequence[Motion], cutoff_hz: float) -> float:
    """Error of the plainest layout on blocks that it was not fitted to, as a share of the torques' size."""
    folds = _folds([rows(layout, motion, cutoff_hz, None) for motion in motions])
    made = [piece for fold in folds for piece in fold]
    size = np.sqrt(np.mean(np.concatenate([piece.b for piece in made]) ** 2, axis=0)) + 1e-9
    judge = _judge(layout, folds, size, 1.0, layout.friction)
    return judge.mean(judge.unseen(layout.friction))


def _judge(layout: Layout, folds: Sequence[Sequence[Rows]], sigma: Floats, spread: float, basics: Sequence[Item]) -> _Judge:
    normals = [normal(fold, sigma) for fold in folds]
    squares = [sum(float(np.sum((piece.b / sigma) ** 2)) for piece in fold) * INDEPENDENT for fold in folds]
    bend = problem(layout, *normals[0], ridge(layout, [piece for fold in folds for piece in fold], spread))
    options = len(layout.friction) + len(layout.sensors) - len(basics)
    return _Judge(layout, normals, squares, bend.curvature(), bend.start, _count(folds), frozenset(basics), options)


def choose(layout: Layout, options: Sequence[Item], motions: Sequence[Motion], cutoff_hz: float, spread: float) -> Choice:
    """Columns taken one by one, the best first, while both unseen blocks and the information criterion prefer one more.

    Blocks are runs where there are enough of them, else stretches of time.
    """
    first = solve(layout, motions, cutoff_hz, spread)
    groups = tuple(item for item in options if isinstance(item, str))
    wide = replace(layout, friction=(*layout.friction, *(i for i in options if isinstance(i, friction.Column))), sensors=groups)
    start = np.zeros(wide.width)
    start[: first.layout.rigid + len(first.layout.friction)] = first.x
    made = _folds([rows(wide, motion, cutoff_hz, start) for motion in motions])
    judge = _judge(wide, made, first.sigma, spread, layout.friction)
    taken: list[Item] = list(layout.friction)
    errors = judge.unseen(taken)
    trials = [Trial("Coulomb, viscous, offset", judge.mean(errors), judge.bic(taken), True)]
    left = list(options)
    while left:
        tried = [(judge.unseen(_with(taken, item)), item) for item in left]
        tried.sort(key=lambda pair: float(pair[0].sum()))
        before = judge.bic(taken)
        sure = (pair for pair in tried if pair[0].sum() < errors.sum() and judge.bic(_with(taken, pair[1])) < before)
        found = next(sure, None)
        new, item = found or tried[0]
        trials.append(Trial(_label(wide, item), judge.mean(new), judge.bic(_with(taken, item)), found is not None))
        if found is None:
            break
        taken = _with(taken, item)
        errors = new
        left = [other for other in left if other != item and not _same(other, item)]
    return Choice(wide.keep(taken)[0], tuple(trials), judge.mean(errors) * first.sigma)


def _count(folds: Sequence[Sequence[Rows]]) -> float:
    return sum(piece.b.size for fold in folds for piece in fold) * INDEPENDENT


def _with(taken: Sequence[Item], item: Item) -> list[Item]:
    """The columns with one more; presliding takes the place of the joint's Coulomb column, of which it is a finer picture."""
    if not isinstance(item, friction.Column) or item.kind != "presliding":
        return [*taken, item]
    coarse = [i for i in taken if isinstance(i, friction.Column) and (i.joint, i.kind) == (item.joint, "coulomb")]
    return [*(i for i in taken if i not in coarse), item]


def _same(a: Item, b: Item) -> bool:
    """Two constants of one kind at one joint: one is enough."""
    return isinstance(a, friction.Column) and isinstance(b, friction.Column) and (a.joint, a.kind) == (b.joint, b.kind)


def _label(layout: Layout, item: Item) -> str:
    if isinstance(item, str):
        return WORDS[item]
    return f"{layout.model.joint(item.joint).name}: {item.label}"


def _folds(made: Sequence[Rows]) -> list[list[Rows]]:
    """Runs dealt into folds, or each piece cut into as many stretches."""
    runs = list(dict.fromkeys(piece.run for piece in made))
    if len(runs) >= FOLDS // 2:
        count = min(FOLDS, len(runs))
        return [[piece for piece in made if runs.index(piece.run) % count == k] for k in range(count)]
    out: list[list[Rows]] = [[] for _ in range(FOLDS)]
    for piece in made:
        edges = np.linspace(0, len(piece.b), FOLDS + 1).astype(int)
        for k in range(FOLDS):
            here = slice(edges[k], edges[k + 1])
            out[k].append(Rows(piece.run, piece.A[here], piece.b[here]))
    return out


@dataclass(frozen=True)
class _Judge:
    """Errors on unseen blocks of any choice of columns, from the blocks' normal matrices alone."""

    layout: Layout
    folds: Sequence[tuple[Floats, Floats]]
    squares: Sequence[float]
    bend: Floats
    start: Floats
    n: float
    """Independent rows."""
    basics: frozenset[Item]
    """Items that are always there."""
    options: int
    """How many more there are to choose from."""

    @cached_property
    def _places(self) -> dict[Item, list[int]]:
        return {item: self.layout.at(item) for item in (*self.layout.friction, *self.layout.sensors)}

    @cached_property
    def _total(self) -> tuple[Floats, Floats]:
        return np.sum([fold[0] for fold in self.folds], axis=0), np.sum([fold[1] for fold in self.folds], axis=0)

    def where(self, items: Sequence[Item]) -> NDArray[np.int64]:
        """The columns of a choice."""
        return np.array([*range(self.layout.rigid), *(at for item in items for at in self._places[item])])

    def unseen(self, items: Sequence[Item]) -> Floats:
        """Sum of squared errors of every fold (k,), fitted without it."""
        at = self.where(items)
        here = np.ix_(at, at)
        G, g = self._total[0][here], self._total[1][at]
        bend, start = self.bend[here], self.start[at]
        out = []
        for (all_, right), square in zip(self.folds, self.squares, strict=True):
            Gk, gk = all_[here], right[at]
            x = start + balanced(G - Gk + bend, g - gk - (G - Gk) @ start)
            out.append(square - 2 * gk @ x + x @ Gk @ x)
        return np.array(out)

    def mean(self, errors: Floats) -> float:
        """An error in standard deviations of the plainest residual."""
        return float(np.sqrt(errors.sum() / self.n))

    def bic(self, items: Sequence[Item]) -> float:
        """Bayesian information criterion over independent rows, extended by the number of choices of so many columns there
        are (Chen and Chen 2008): the best of many useless columns looks useful."""
        at = self.where(items)
        here = np.ix_(at, at)
        G, g = self._total[0][here], self._total[1][at]
        x = self.start[at] + balanced(G + self.bend[here], g - G @ self.start[at])
        error = max(float(sum(self.squares) - 2 * g @ x + x @ G @ x), 1e-12)
        extra = len(set(items) - self.basics)
        ways = gammaln(self.options + 1) - gammaln(extra + 1) - gammaln(self.options - extra + 1)
        return float(self.n * np.log(error / self.n) + len(at) * np.log(self.n) + 2 * ways)
