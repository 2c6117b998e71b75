"""How often the gate releases falsely, and how many runs it takes, by simulation with the gate's own arithmetic.

Every candidate here lies exactly at the threshold, where a false release is likeliest, and the gate looks after every run.
Beside it what one would do without thinking: test a binomial bound after every run, or count episodes instead of runs. Then
the price: mean runs until a good candidate is released, beside Wald's sequential test, which is told both rates beforehand.

    python -m benchmarks.gate_error            a table; exit status 1 where a figure is missed
    python -m benchmarks.gate_error --json     the figures for machines
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binom

from twin.core.chance import Chance, Stream
from twin.core.records import Bools, Floats, Ints
from twin.judge.evidence import BETS, familywise, grow, log_evidence, start

ALPHA = 0.05
BETA = 0.05
P0, P1 = 0.8, 0.9
REPLICATES = 10_000
EPISODES = 100
BUDGET = 60
"""Runs of a gate with EPISODES episodes each."""

LONG = 1000
"""Runs of a long gate: "anytime" means that the bound holds there as well."""

MIDDLE = 300
"""Runs of the gates that judge several things at once, one episode each."""

PEEKS = 150
"""Looks of the naive tester: about the runs that Wald's test is given twice over."""

Draw = Callable[[int], Floats]
"""Values (count, …) of the next run of `count` replicates."""


def until(
    draw: Draw,
    advance: Callable[[Floats, Floats], Floats],
    passed: Callable[[Floats], Bools],
    *,
    wealth: Floats,
    runs: int,
) -> Ints:
    """After how many of `runs` each replicate (a row of `wealth`) passed, 0: never; one that did is not drawn further."""
    after, active = np.zeros(len(wealth), np.int64), np.arange(len(wealth))
    for run in range(1, runs + 1):
        wealth = advance(wealth, draw(active.size))
        done = passed(wealth)
        after[active[done]] = run
        active, wealth = active[~done], wealth[~done]
        if not active.size:
            break
    return after


def bar(wealth: Floats) -> Bools:
    """Whether evidence has passed 1/ALPHA."""
    return np.asarray(log_evidence(wealth) >= -math.log(ALPHA))


def met(draw: Draw, replicates: int, runs: int, threshold: float = P0) -> Ints:
    """When the gate says "met" of each replicate."""
    return until(draw, lambda w, x: grow(w, x / threshold), bar, wealth=start(replicates), runs=runs)


def refuted(draw: Draw, replicates: int, runs: int, threshold: float = P0) -> Ints:
    """When the gate says "refuted" of each replicate."""
    return until(draw, lambda w, x: grow(w, (1 - x) / (1 - threshold)), bar, wealth=start(replicates), runs=runs)


def rates(stream: Stream, count: int, mean: float, correlation: float) -> Floats:
    """Success rates (count,) of runs: beta with this mean, so that two episodes of a run have this correlation."""
    if correlation == 0:
        return np.full(count, mean)
    size = 1 / correlation - 1
    return stream.beta(mean * size, (1 - mean) * size, count)


def shares(stream: Stream, mean: float, correlation: float = 0.0, episodes: int = EPISODES) -> Draw:
    """Runs whose value is the share of successes among their episodes."""
    return lambda count: stream.binomial(episodes, rates(stream, count, mean, correlation)) / episodes


def pairs(stream: Stream, loss: float) -> Draw:
    """Scores of a candidate that loses the share `loss` of what its baseline, whose mean is P0, achieves on the same seeds."""

    def draw(count: int) -> Floats:
        rate = rates(stream, count, P0, 0.05)
        ours, theirs = stream.binomial(1, rate * (1 - loss)), stream.binomial(1, rate)
        return np.asarray((ours - theirs + 1) / 2)

    return draw


def any_of_five(stream: Stream, replicates: int) -> Ints:
    """When the gate says "met" of any of five requirements, all at the threshold, one episode each; a run's luck moves all."""

    def draw(count: int) -> Floats:
        luck = rates(stream, count, P0, 0.05)
        return stream.binomial(1, luck[:, None], (count, 5)).astype(float)

    def passed(wealth: Floats) -> Bools:
        return np.asarray((familywise(log_evidence(wealth)) >= 1 / ALPHA).any(axis=1))

    return until(draw, lambda w, x: grow(w, x / P0), passed, wealth=start(replicates, 5), runs=MIDDLE)


def peeking(stream: Stream, replicates: int) -> Floats:
    """Whether an exact binomial test at level ALPHA, made after each of PEEKS single episodes, ever rejects."""
    n = np.arange(1, PEEKS + 1)
    enough = binom.isf(ALPHA, n, P0) + 1
    successes = np.cumsum(stream.random((replicates, PEEKS)) < P0, axis=1)
    return np.asarray((successes >= enough).any(axis=1), float)


def by_episode(stream: Stream, replicates: int, correlation: float) -> Ints:
    """When the same evidence says "met" if it counts the EPISODES episodes of a run one by one."""
    win, lose = np.log1p(BETS * (1 / P0 - 1)), np.log1p(-BETS)

    def advance(wealth: Floats, share: Floats) -> Floats:
        k = share[:, None] * EPISODES
        return np.asarray(wealth + k * win + (EPISODES - k) * lose)

    return until(shares(stream, P0, correlation), advance, bar, wealth=start(replicates), runs=BUDGET)


def wald_runs() -> float:
    """Mean sample size of the test of P0 against P1 where P1 is true, without overshoot (Wald 1945, Ann. Math. Stat. 16)."""
    up, down = math.log((1 - BETA) / ALPHA), math.log(BETA / (1 - ALPHA))
    drift = P1 * math.log(P1 / P0) + (1 - P1) * math.log((1 - P1) / (1 - P0))
    return ((1 - BETA) * up + BETA * down) / drift


def sprt_runs(stream: Stream, replicates: int) -> float:
    """Mean runs of that test, simulated with its overshoot."""
    up, down = math.log((1 - BETA) / ALPHA), math.log(BETA / (1 - ALPHA))
    gain, loss = math.log(P1 / P0), math.log((1 - P1) / (1 - P0))
    after = until(
        lambda count: np.where(stream.random(count) < P1, gain, loss),
        lambda w, x: w + x,
        lambda w: np.asarray((w >= up) | (w <= down)),
        wealth=np.zeros(replicates),
        runs=100_000,
    )
    return float(after.mean())


def measure(replicates: int = REPLICATES, seed: int = 0) -> dict[str, Any]:
    """All figures. `false`: shares of replicates; `mean_runs` to release a candidate at P1 against the threshold P0."""

    def stream(what: str) -> Stream:
        return Chance(seed).stream("gate_error", what)

    crossed: dict[str, Ints] = {}
    for name, say in (("release", met), ("refusal", refuted)):
        single = shares(stream(f"{name} 1"), P0, episodes=1)
        crossed[f"{name}, 1 episode a run, {LONG} runs"] = say(single, replicates, LONG)
        for correlation in (0.0, 0.05):
            many = shares(stream(f"{name} {correlation}"), P0, correlation)
            crossed[f"{name}, {EPISODES} episodes, correlation {correlation:g}, {BUDGET} runs"] = say(many, replicates, BUDGET)
    long = met(shares(stream("long"), P0, 0.05), replicates, LONG)
    crossed[f"release, {EPISODES} episodes, correlation 0.05, {LONG} runs"] = long
    paired = met(pairs(stream("pairs"), 0.125), replicates, MIDDLE, threshold=(1 - P0 * 0.125) / 2)
    crossed[f"release, pairs at a margin of 0.1, {MIDDLE} runs"] = paired
    crossed[f'"met" of any of 5 requirements, {MIDDLE} runs'] = any_of_five(stream("five"), replicates)
    took = met(shares(stream("good"), P1, episodes=1), replicates, 100_000)
    return {
        "replicates": replicates,
        "alpha": ALPHA,
        "false": {name: float((after > 0).mean()) for name, after in crossed.items()},
        "naive": {
            f"binomial test after each of {PEEKS} runs": float(peeking(stream("peeking"), replicates).mean()),
            f"episodes as evidence, correlation 0.05, {BUDGET} runs": float(
                (by_episode(stream("episodes"), replicates, 0.05) > 0).mean()
            ),
        },
        "mean_runs": float(took.mean()),
        "median_runs": float(np.median(took)),
        "undecided": int((took == 0).sum()),
        "sprt_runs": sprt_runs(stream("sprt"), replicates),
        "wald_runs": wald_runs(),
    }


def missed(figures: dict[str, Any]) -> list[str]:
    """The figures that do not hold. A share may lie three standard errors above alpha."""
    allowed = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / figures["replicates"])
    found = [name for name, share in figures["false"].items() if share > allowed]
    return found + (["mean runs"] if figures["undecided"] or figures["mean_runs"] > 2 * figures["wald_runs"] else [])


def table(figures: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    bad = missed(figures)
    lines = [f"candidates exactly at the threshold, {figures['replicates']:,} of them, alpha {ALPHA:g}"]
    for name, share in figures["false"].items():
        lines.append(f"  false {name:58} {share:8.4f}   ≤ {ALPHA:g}   {'MISSED' if name in bad else 'holds'}")
    lines += [f"  naive: {name:57} {share:8.4f}" for name, share in figures["naive"].items()]
    lines.append(f"runs to release, true rate {P1:g}, threshold {P0:g}, one episode a run")
    limit, word = 2 * figures["wald_runs"], "MISSED" if "mean runs" in bad else "holds"
    lines.append(f"  gate, mean {figures['mean_runs']:>59.1f}   ≤ {limit:.1f}  {word}")
    lines.append(f"  gate, median {figures['median_runs']:>57.1f}")
    lines.append(
        f"  Wald's test, told both rates: formula {figures['wald_runs']:>32.1f}   (simulated {figures['sprt_runs']:.1f})"
    )
    return lines


def main(argv: list[str] | None = None) -> int:
    """Print the figures; exit status 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--replicates", type=int, default=REPLICATES, help=f"candidates a figure (default {REPLICATES})")
    given = parser.parse_args(argv)
    figures = measure(given.replicates)
    bad = missed(figures)
    print(json.dumps(figures | {"missed": bad}) if given.json else "\n".join(table(figures)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
