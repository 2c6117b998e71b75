"""Evidence that grows run by run: betting against a claim about a mean, and what the winnings prove at any stopping time.

Whoever claims "the mean is at most m" must accept, at fair odds, any bet on values in [0, 1]. Keep the share 1 − c as cash and
put c on the next value x at the price m: wealth grows by `1 − c + c·x/m`, in expectation by at most 1 if the claim is true. So
wealth is a non-negative supermartingale under the claim, and passes 1/α at *any* time with probability at most α
(Ville 1939, Étude critique de la notion de collectif). Nothing is assumed about the shape of the values.

Which c is best depends on the unknown truth. Wealth is therefore split equally over `BETS`, the nodes of the Gauss–Chebyshev
rule: up to 63 runs (wealth is a polynomial in c) this *is* the mixture over c ~ Beta(½, ½), beyond it a close and equally
valid one. The mixture is Cover's universal portfolio of cash and x/m: it ends with at least 1/(2·√(n + 1)) of the wealth of
the best constant c in hindsight (Cover and Ordentlich 1996, IEEE Trans. Inf. Theory 42). As a test and a confidence
sequence: Waudby-Smith and Ramdas 2024 ("Estimating means of bounded random variables by betting", JRSS B 86), Orabona and
Jun 2024 (IEEE Trans. Inf. Theory 70).
"""

from __future__ import annotations

import math

import numpy as np

from twin.core.records import Floats

NODES = 32
BETS: Floats = (1 - np.cos((2 * np.arange(1, NODES + 1) - 1) * np.pi / (2 * NODES))) / 2
"""(NODES,) shares c of the wealth that go on the next value; all strictly between 0 and 1, so that none is ever ruined."""

HALVINGS = 50
LARGEST = 600.0
"""Natural logarithm at which an e-value is cut off where it is summed with others; cutting down is always allowed."""


def start(*shape: int) -> Floats:
    """Log wealth (*shape, NODES) of every bet before the first run."""
    return np.zeros((*shape, NODES))


def grow(log_wealth: Floats, price_ratio: Floats) -> Floats:
    """Log wealth (…, NODES) after one more value, `price_ratio` (…) being x/m."""
    grown: Floats = log_wealth + np.log1p(BETS * (np.asarray(price_ratio)[..., None] - 1))
    return grown


def log_evidence(log_wealth: Floats) -> Floats:
    """Natural logarithm of the e-value (…) of log wealth (…, NODES): the mean wealth over the bets."""
    top = log_wealth.max(axis=-1)
    mean: Floats = top + np.log(np.exp(log_wealth - top[..., None]).mean(axis=-1))
    return mean


def path(values: Floats, threshold: float) -> Floats:
    """Log e-values (n,) against "the mean is at most `threshold`" after each of n `values` in [0, 1]."""
    if not values.size:
        return np.zeros(0)
    steps = np.log1p(BETS * (values[:, None] / threshold - 1))
    return log_evidence(np.cumsum(steps, axis=0))


def lower_bound(values: Floats, alpha: float) -> float:
    """A number below the mean with probability at least 1 − `alpha`, simultaneously after every run: values (n,) in [0, 1].

    It is the largest threshold whose test has passed 1/alpha by now; found by halving, since wealth falls as the price rises.
    The bound never sinks as runs are added.
    """
    if not values.size or not values.any():
        return 0.0
    low, high, needed = 0.0, 1.0, -math.log(alpha)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if path(values, middle).max() >= needed:
            low = middle
        else:
            high = middle
    return low


def upper_bound(values: Floats, alpha: float) -> float:
    """A number above the mean with probability at least 1 − `alpha`, simultaneously after every run."""
    return 1 - lower_bound(1 - values, alpha)


def familywise(log_e: Floats) -> Floats:
    """E-values (rounds, k) for k claims at once, adjusted so that with 1/α as bar *any* false rejection has probability ≤ α.

    Closed testing: a claim falls when, for every set of claims that holds it, the mean of the set's e-values passes 1/α. A
    mean of e-values is an e-value whatever their dependence (Vovk and Wang 2021, Annals of Statistics 49), and e-processes
    that share their runs may be averaged run by run. For each claim the worst set of a size adds the smallest others. Never
    weaker than Bonferroni (e ≥ k/α), and once all k pass 1/α together it costs nothing: the smallest keeps its value.
    """
    e = np.exp(np.minimum(log_e, LARGEST))
    rounds, k = e.shape
    order = np.argsort(e, axis=1, kind="stable")
    ranked = np.take_along_axis(e, order, axis=1)
    below = np.concatenate([np.zeros((rounds, 1)), np.cumsum(ranked, axis=1)], axis=1)
    worst = np.full((rounds, k), np.inf)
    for size in range(1, k + 1):
        # The claim itself and the size − 1 smallest others; one that is among the smallest must not count twice.
        total = np.where(np.arange(k) < size, below[:, [size]], ranked + below[:, [size - 1]])
        worst = np.minimum(worst, total / size)
    adjusted = np.empty_like(e)
    np.put_along_axis(adjusted, order, worst, axis=1)
    return adjusted


def fewest_runs(threshold: float, alpha: float) -> int:
    """How many runs it takes at least to show a mean above `threshold`: all values 1, nothing better can happen."""
    gain, needed = np.log1p(BETS * (1 / threshold - 1)), -math.log(alpha)

    def enough(n: int) -> bool:
        return float(log_evidence(n * gain)) >= needed

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
