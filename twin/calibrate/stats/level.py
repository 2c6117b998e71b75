"""The share of cycles that have something, where it may change: what it is now, what it was, and how the next ones will be.

Four kinds of hypotheses compete, each on the logit of the share:

    steady    it never changes
    clusters  it swings around a mean that stays (a stationary AR(1)): bad spells that pass
    walk      it wanders (a local level: a random walk that leaves the share where it is on average)
    jumps     it stays, and now and then jumps, to odds twice as high as often as to half of them

The first two are stationary: what was is what will be. How much it wanders a cycle is not known: its prior is weak, and what a
log says of it is its marginal likelihood, so that a short log leaves room for much. The filter is exact on a grid, so that the
same bits come every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy import special

from twin.core.records import Floats
from twin.core.shares import centred

FINE = np.arange(-7.0, 7.01, 0.1)
SWING = np.arange(-3.0, 3.01, 0.2)


@dataclass(frozen=True)
class Hypothesis:
    """How the level changes from one cycle to the next: its part that stays (m,) and that moves (z,), both on the logit."""

    kind: str
    stays: Floats
    moves: Floats
    first: Floats
    """(m, z) prior of the first level."""
    step: Floats
    """Parameters of the change."""

    def move(self, cycles: float) -> Floats:
        """(z, z) transition over so many cycles."""
        z = self.moves
        if self.kind == "walk":
            variance = float(self.step[0]) ** 2 * cycles
            return _rows(z, centred(special.expit(z), variance), np.sqrt(variance))
        if self.kind == "jumps":
            stay = (1 - self.step[0]) ** cycles
            return np.asarray(stay * np.eye(z.size) + (1 - stay) * _rows(z, z, 1.0))
        if self.kind == "clusters":
            keep = self.step[0] ** cycles
            return _rows(z, keep * z, float(self.step[1]) * np.sqrt(1 - keep * keep))
        return np.eye(1)

    def lasting(self) -> Floats:
        """(m, z) log odds of the share that every state goes back to on average; of what does not swing its own."""
        here = self.stays[:, None] + self.moves
        if self.kind != "clusters":
            return here
        mean = (special.expit(here) * self.first).sum(1, keepdims=True) / self.first.sum(1, keepdims=True)
        return np.asarray(np.broadcast_to(special.logit(mean), here.shape))

    def wandering(self) -> tuple[float, float]:
        """Standard deviation by which the logit wanders in a cycle at first, and the cycles in which that comes back; one that
        jumps wanders as much on average."""
        if self.kind == "clusters":
            back = -1 / np.log(self.step[0])
            return float(self.step[1] * np.sqrt(2 / back)), float(back)
        sd = {"walk": self.step[0], "jumps": np.sqrt(self.step[0])}.get(self.kind, 0.0)
        return float(sd), np.inf


def _rows(z: Floats, centre: Floats, sd: float) -> Floats:
    """Rows of normal weights; a step finer than the grid moves to the neighbours as often as gives its mean and variance."""
    width = float(z[1] - z[0])
    if sd < width / 2:
        by, spread = (centre - z) / width, (sd / width) ** 2
        up, down = 0.5 * (spread + by * by + by), 0.5 * (spread + by * by - by)
        out = np.diag(1 - up - down) + np.diag(up[:-1], 1) + np.diag(down[1:], -1)
    else:
        out = np.exp(-0.5 * ((z[None, :] - centre[:, None]) / sd) ** 2)
    return np.asarray(out / out.sum(1, keepdims=True))


def _jeffreys(logit: Floats) -> Floats:
    weights = np.exp(0.5 * (special.log_expit(logit) + special.log_expit(-logit)))
    return np.asarray(weights / weights.sum())


WANDERS = np.geomspace(0.4 / 2**11, 0.4, 12)
"""Standard deviations a cycle of the logit that wanders: from one that takes a million cycles to show to one that ten show."""
SCALE = 0.1
"""Of the half-Cauchy prior of that deviation: with it a share of 20 % lies between 1 and 45 % forty cycles later."""
HAZARDS = (0.005, 0.02)
"""Chances of a jump a cycle."""
PRIOR = {"steady": 0.35, "clusters": 0.35, "walk": 0.2, "jumps": 0.1}
"""Of each kind. A choice on simulated shares: with more weight on walks intervals hold as often and steady shares are forecast
worse than by resampling; with less, intervals are too narrow where shares wander (`python -m benchmarks.wandering`)."""
DOUBT = 0.2
"""Prior of change where the question is whether a log *shows* it (`Level.changes`): a change must show itself."""
ROOM = 0.7
"""Prior of change for runs, which must leave room for it (`Level.draws`). A choice on simulated farms: on average over steady
and wandering ones intervals then hold nearest to 90 % (`python -m benchmarks.wandering farms`)."""
MOVES = ("walk", "jumps")
"""Kinds that change for good."""


@cache
def hypotheses() -> tuple[tuple[float, Hypothesis], ...]:
    """All of them with their prior probability."""
    none, prior, coarse = np.zeros(1), _jeffreys(FINE), FINE[::3]
    out = [(PRIOR["steady"], Hypothesis("steady", FINE, none, prior[:, None], none))]
    for keep in (0.5, 0.8, 0.95):
        for sd in (0.5, 1.0):
            swing = np.exp(-0.5 * (SWING / sd) ** 2)
            first = _jeffreys(coarse)[:, None] * swing / swing.sum()
            out.append((PRIOR["clusters"] / 6, Hypothesis("clusters", coarse, SWING, first, np.array([keep, sd]))))
    cauchy = (WANDERS / SCALE) / (1 + (WANDERS / SCALE) ** 2)
    walks = PRIOR["walk"] * cauchy / cauchy.sum()
    out += [(float(w), Hypothesis("walk", none, FINE, prior[None], np.array([s]))) for w, s in zip(walks, WANDERS, strict=True)]
    jumps = PRIOR["jumps"] / len(HAZARDS)
    out += [(jumps, Hypothesis("jumps", none, FINE, prior[None], np.array([h]))) for h in HAZARDS]
    return tuple(out)


@dataclass(frozen=True)
class Level:
    """What is known after the last block: `now`, joint probabilities (m, z) of every hypothesis, in their order; `path`
    (blocks, 3) quantiles 5, 50 and 95 % of the share after each block, as far as it was known then; cycles a block."""

    now: tuple[Floats, ...]
    path: Floats
    per_block: float
    log_score: float
    """Sum over blocks of the log probability that they were given before they were seen, nats."""
    kinds: dict[str, float] = field(default_factory=dict)
    """Probability of each kind of hypothesis."""

    @property
    def changes(self) -> float:
        """Probability that the share walks or jumps for who doubts it (`DOUBT`): whether the log shows a change."""
        odds = self._times(DOUBT) * self.may_change / max(1 - self.may_change, 1e-300)
        return float(odds / (1 + odds))

    def _times(self, prior: float) -> float:
        """By what the odds of a change are multiplied under another prior of it."""
        own = sum(PRIOR[kind] for kind in MOVES)
        return prior / (1 - prior) * (1 - own) / own

    @property
    def may_change(self) -> float:
        """The same for who must say what comes next, and leaves room for it until the log rules it out."""
        return sum(self.kinds[kind] for kind in MOVES)

    def draws(self, count: int) -> tuple[Floats, Floats, Floats]:
        """Courses (count,), equally likely for who leaves room for a change (`ROOM`), level and wandering together: the share
        that lasts, how much its logit wanders a cycle at first (standard deviation), and the cycles in which that comes back
        (infinite: never)."""
        states = []
        for at, (_, h) in zip(self.now, hypotheses(), strict=True):
            logit, (sd, back) = h.lasting().ravel(), h.wandering()
            order = np.argsort(logit, kind="stable")
            room = self._times(ROOM) if h.kind in MOVES else 1.0
            states.append([room * at.ravel()[order], special.expit(logit[order]), *np.broadcast_arrays(sd, back, logit)[:2]])
        weights, shares, sds, backs = (np.concatenate(column) for column in zip(*states, strict=True))
        total = np.cumsum(weights)
        drawn = np.searchsorted(total / total[-1], (np.arange(count) + 0.5) / count)
        return shares[drawn], sds[drawn], backs[drawn]

    def ahead(self, cycles: int) -> Floats:
        """(cycles,) probability that each of the next cycles has the thing."""
        out = np.zeros(cycles)
        for start, (_, h) in zip(self.now, hypotheses(), strict=True):
            at = start
            if at.sum() < 1e-9:
                continue
            p, move = special.expit(h.stays[:, None] + h.moves), h.move(1)
            for i in range(cycles):
                at = at @ move
                out[i] += float((at * p).sum())
        return out

    def count_ahead(self, cycles: int) -> Floats:
        """(cycles + 1,) probability of each number of the next `cycles` that have the thing."""
        total = np.zeros(cycles + 1)
        for start, (_, h) in zip(self.now, hypotheses(), strict=True):
            if start.sum() < 1e-6:
                continue
            p, move = special.expit(h.stays[:, None] + h.moves), h.move(1)
            at = np.zeros((cycles + 1, *start.shape))
            at[0] = start
            for i in range(cycles):
                seen = at[: i + 1] @ move
                hit = seen * p
                at[: i + 1] = seen - hit
                at[1 : i + 2] += hit
            total += at.sum((1, 2))
        return np.asarray(total / total.sum())

    def quantile(self, p: float) -> float:
        """A quantile of the share as it is now, without the spell that it may be in: that passes."""
        return float(_quantiles(self.now, (p,), lasting=True)[0])


def _quantiles(states: tuple[Floats, ...], ps: tuple[float, ...], *, lasting: bool = False) -> Floats:
    """Of the shares that states are known with; `lasting`: of their means over the part that swings."""
    kinds = [h.lasting() if lasting else h.stays[:, None] + h.moves for _, h in hypotheses()]
    logit = np.concatenate([z.ravel() for z in kinds])
    weights = np.concatenate([at.ravel() for at in states])
    order = np.argsort(logit, kind="stable")
    total = np.cumsum(weights[order])
    return np.asarray(special.expit(np.interp(ps, (total - 0.5 * weights[order]) / total[-1], logit[order])))


def follow(had: Floats, trials: Floats | None = None, blocks: int = 300, *, smooth: bool = False) -> Level:
    """Filter cycles in their order: had (n,) 0 or 1, NaN where not told; or how many of `trials` (n,).

    More than `blocks` are pooled into that many; a level then changes once a block, by as much as its cycles make. `smooth`:
    the path is what is known of every block after all of them.
    """
    known = ~np.isnan(had)
    k, n = np.where(known, had, 0.0), np.where(known, 1.0 if trials is None else trials, 0.0)
    cycles = np.ones(had.size) if trials is None else trials
    if had.size > blocks:
        at = np.linspace(0, had.size, blocks, endpoint=False).astype(int)
        k, n, cycles = (np.add.reduceat(x, at) for x in (k, n, cycles))
    size = max(1.0, float(cycles.mean()))
    states = [w * h.first for w, h in hypotheses()]
    moves = [h.move(size) for _, h in hypotheses()]
    odds = [h.stays[:, None] + h.moves for _, h in hypotheses()]
    logs = [(special.log_expit(x), special.log_expit(-x)) for x in odds]
    path, score, kept = np.empty((k.size, 3)), 0.0, []
    for i, (hits, tries) in enumerate(zip(k, n, strict=True)):
        fits = [hits * p + (tries - hits) * q for p, q in logs]
        top = max(float(f.max()) for f in fits)
        states = [(at @ move) * np.exp(f - top) for at, move, f in zip(states, moves, fits, strict=True)]
        total = sum(float(at.sum()) for at in states)
        score += float(np.log(total)) + top
        states = [at / total for at in states]
        if smooth:
            kept.append((states, [np.exp(f - top) for f in fits]))
        else:
            path[i] = _quantiles(tuple(states), (0.05, 0.5, 0.95))
    if smooth:
        _smoothed(kept, moves, path)
    kinds: dict[str, float] = {}
    for at_, (_, h) in zip(states, hypotheses(), strict=True):
        kinds[h.kind] = kinds.get(h.kind, 0.0) + float(at_.sum())
    return Level(tuple(states), path, size, score, kinds)


def _smoothed(kept: list[tuple[list[Floats], list[Floats]]], moves: list[Floats], path: Floats) -> None:
    """Fill the path backwards: what a block's own past says times how well what followed fits."""
    behind = [np.ones_like(at) for at in kept[-1][0]] if kept else []
    for i in range(len(kept) - 1, -1, -1):
        states, fits = kept[i]
        both = tuple(at * b for at, b in zip(states, behind, strict=True))
        path[i] = _quantiles(both, (0.05, 0.5, 0.95))
        behind = [(f * b) @ move.T for f, b, move in zip(fits, behind, moves, strict=True)]
        top = max(float(b.max()) for b in behind)
        behind = [b / top for b in behind]
