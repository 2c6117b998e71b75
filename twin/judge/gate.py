"""The gate: may this release go out? Evidence is added run by run, and looking at it after every run costs nothing.

    SequentialTest   one mean in [0, 1] against a threshold      PairedTest   candidate minus baseline, on the same seeds
    Requirement      what a suite's runs must show               decide       all requirements together: release or not

*The run is the unit of evidence*: one value a run. Episodes of one run share its faults, its jobs and its luck, so they are
counted inside the run's value (its success rate, say) and never one by one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.core.chance import Chance
from twin.core.errors import InputError, nearest
from twin.core.records import Floats
from twin.judge.evidence import BETS, familywise, path
from twin.judge.sequential import (
    ALPHA,
    PairedTest,
    SequentialTest,
    State,
    inside,
    interval_of,
    margin_of,
    stretched,
    unit_value,
)
from twin.judge.stats import Interval

__all__ = ["ALPHA", "WORDS", "Decision", "Finding", "PairedTest", "Requirement", "Run", "SequentialTest", "decide", "seeds"]

WORDS: Mapping[str, int] = {"release": 0, "block": 1, "void": 3, "undecided": 4}
"""What a gate can say, and the exit status of each."""

VERDICTS = ("pass", "fail", "void", "undecided")
SEEDS = 2**32


@dataclass(frozen=True)
class Requirement:
    """One thing that the runs of a scenario must show on average over seeds; exactly one of the three bounds is given.

    `name` is the key of `Run.values`, which lie in [0, 1]. `at_least`, `at_most`: the mean itself. `not_worse_by`: at most so
    much worse than the baseline on the same seeds, where less is worse (more, if `lower_is_better`).
    """

    name: str
    scenario: str
    at_least: float | None = None
    at_most: float | None = None
    not_worse_by: float | None = None
    lower_is_better: bool = False

    def __post_init__(self) -> None:
        given = [bound for bound in (self.at_least, self.at_most, self.not_worse_by) if bound is not None]
        if len(given) != 1:
            raise InputError(f"requirement {self.name!r}: give one of at_least, at_most, not_worse_by; {len(given)} are given")
        if self.lower_is_better and not self.paired:
            raise InputError(f"requirement {self.name!r}: lower_is_better goes with not_worse_by; write at_most instead")
        try:
            _ = margin_of(given[0]) if self.paired else inside(given[0], "bound")
        except InputError as error:
            raise InputError(f"requirement {self.name!r}: {error}") from error

    @property
    def paired(self) -> bool:
        """Whether it needs a baseline."""
        return self.not_worse_by is not None

    @property
    def threshold(self) -> float:
        """What the mean of `score` must lie above."""
        if self.not_worse_by is not None:
            return (1 - self.not_worse_by) / 2
        return self.at_least if self.at_least is not None else 1 - float(self.at_most or 0.0)

    def score(self, run: Run) -> float | None:
        """A run's value, in [0, 1] and rising with quality; None where the run (or its baseline) measured nothing."""
        value, base = run.values.get(self.name), run.baseline.get(self.name) if self.paired else 0.0
        if value is None or base is None:
            return None
        place = f"scenario {run.scenario}, seed {run.seed}, {self.name!r}"
        value, base = unit_value(value, place), unit_value(base, f"{place}, baseline")
        if self.paired:
            return ((base - value if self.lower_is_better else value - base) + 1) / 2
        return value if self.at_least is not None else 1 - value

    def natural(self, score: Interval) -> Interval:
        """An interval of scores in the requirement's own terms: the value, or candidate minus baseline."""
        if self.paired:
            return stretched(score, scale=-2.0, shift=1.0) if self.lower_is_better else stretched(score, scale=2.0, shift=-1.0)
        return score if self.at_least is not None else stretched(score, scale=-1.0, shift=1.0)

    def __str__(self) -> str:
        if self.not_worse_by is not None:
            return f"{self.name} not worse than the baseline by {self.not_worse_by:g} in {self.scenario}"
        sign, bound = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{self.name} {sign} {bound:g} in {self.scenario}"


@dataclass(frozen=True)
class Run:
    """What the gate knows of one run (one scenario, one seed), in plain data.

    `index` counts the seeds of the epoch from 0 and `seed` is `seeds(release, …)[index]`; `hash` is the run's own, `rerun`
    that of a second run of the same unit, if there was one. `values` and `baseline` (the same seed under the baseline) hold
    one number in [0, 1] a requirement, None where nothing was measured. `sha256` digests the scenario.
    """

    scenario: str
    index: int
    seed: int
    hash: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    verdict: str = "pass"
    sha256: str = ""
    rerun: str | None = None
    baseline: Mapping[str, float | None] = field(default_factory=dict)
    baseline_hash: str | None = None


@dataclass(frozen=True)
class Finding:
    """What the runs show of one requirement.

    `value`, `low`, `high` in its own terms (each bound holds with 1 − alpha at all times); `evidence` for it and `against`
    it: the largest e-values so far, adjusted for all requirements, whose bar is 1/alpha. `to_go`: about how many more runs
    would decide it if they went on as they did (None: decided, or no telling).
    """

    requirement: Requirement
    state: State
    decided_after: int | None
    n: int
    value: float | None
    low: float
    high: float
    evidence: float
    against: float
    to_go: int | None

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.requirement}: no run yet"
        told = {"met": "met", "refuted": "refuted", "continue": "undecided"}[self.state]
        after = f" after {self.decided_after} runs" if self.decided_after else ""
        after = f", about {self.to_go} more runs would tell" if self.to_go else after
        shown = f"mean {self.value:.3g} of {self.n} runs, bounds {self.low:.3g} and {self.high:.3g}"
        return f"{self.requirement}: {told}{after}; {shown}; evidence {self.evidence:.3g} for, {self.against:.3g} against"


@dataclass(frozen=True)
class Decision:
    """The gate's word: `release`, `block`, `void` or `undecided` (add runs, or the budget is spent), with the reasons."""

    release: str
    epoch: int
    alpha: float
    word: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    must_pass: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def status(self) -> int:
        """Exit status: release 0, block 1, void 3, undecided 4."""
        return WORDS[self.word]


def seeds(release: str, count: int, epoch: int = 1) -> tuple[int, ...]:
    """The first `count` seeds of a release's epoch (1 is its first attempt, each further attempt a new one).

    Every epoch has seeds of its own: nobody can mend a candidate until it does well on the very seeds that will judge it.
    """
    if not release or isinstance(epoch, bool) or epoch < 1:
        raise InputError(f"seeds belong to a named release and an epoch from 1, not to {release!r}, epoch {epoch!r}")
    return tuple(int(Chance(epoch).stream(release, "gate seed", index).integers(SEEDS)) for index in range(count))


def decide(
    requirements: Sequence[Requirement],
    runs: Sequence[Run],
    *,
    release: str,
    epoch: int = 1,
    alpha: float = ALPHA,
    must_pass: Sequence[str] = (),
) -> Decision:
    """What all runs so far say of all requirements; the order in which `runs` are handed over does not matter.

    Releases a candidate of which any requirement is false with probability at most `alpha`, and refutes one of which all are
    true with at most `alpha`, however often this is asked. Blocks outright: a run of a `must_pass` scenario that did not
    pass, a rerun with another hash. A void run, or one that did not measure what is required, leaves nothing to judge by.
    Raises `InputError`: runs left out or given twice, a seed that is not the epoch's, a scenario edited between its runs,
    values outside [0, 1].
    """
    inside(alpha, "alpha")
    by_scenario = _sorted(requirements, runs, release, epoch)
    findings = _findings(requirements, by_scenario, alpha)
    block = _blockers(by_scenario, must_pass) + [f"refuted: {f.requirement}" for f in findings if f.state == "refuted"]
    void = _voids(requirements, by_scenario)
    todo = [f"{scenario} must pass and was not run" for scenario in must_pass if scenario not in by_scenario]
    todo += [f"not decided: {f.requirement}" for f in findings if f.state == "continue"]
    word = "block" if block else "void" if void else "undecided" if todo else "release"
    reasons = tuple(block + void + todo) or tuple(f"met: {f.requirement}" for f in findings)
    ordered = tuple(run for scenario in sorted(by_scenario) for run in by_scenario[scenario])
    return Decision(release, epoch, alpha, word, reasons, findings, tuple(must_pass), ordered)


def _sorted(requirements: Sequence[Requirement], runs: Sequence[Run], release: str, epoch: int) -> dict[str, list[Run]]:
    """Runs by scenario, in the order of their seeds, after making sure that nobody chose among them."""
    if not requirements:
        raise InputError("a gate without a requirement would release anything: give at least one")
    if twice := [text for text, count in Counter(map(str, requirements)).items() if count > 1]:
        raise InputError(f"the requirement {twice[0]!r} stands twice")
    by_scenario: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda r: r.index):
        if run.verdict not in VERDICTS:
            raise InputError(
                f"scenario {run.scenario}, seed {run.seed}: no verdict {run.verdict!r}{nearest(run.verdict, VERDICTS)}"
            )
        by_scenario.setdefault(run.scenario, []).append(run)
    longest = max((len(of_one) for of_one in by_scenario.values()), default=0)
    epoch_seeds = seeds(release, longest, epoch)
    judged = [r.scenario for r in requirements]
    for scenario, of_one in by_scenario.items():
        if scenario in judged:
            _unchosen(scenario, of_one, epoch_seeds)
        if len(Counter(run.sha256 for run in of_one)) > 1:
            raise InputError(f"scenario {scenario} was edited between its runs (sha256 differs): start a new epoch")
    return by_scenario


def _unchosen(scenario: str, runs: Sequence[Run], epoch_seeds: Sequence[int]) -> None:
    for place, (run, seed) in enumerate(zip(runs, epoch_seeds, strict=False)):
        if run.index != place:
            what = "is there twice" if run.index < place else f"is missing, though run {run.index} is there"
            raise InputError(f"scenario {scenario}: run {min(place, run.index)} {what}; evidence is every run of the epoch")
        if run.seed != seed:
            raise InputError(f"scenario {scenario}, run {place}: seed {run.seed} is not the epoch's, which is {seed}")


def _blockers(by_scenario: Mapping[str, Sequence[Run]], must_pass: Sequence[str]) -> list[str]:
    found = []
    for scenario in sorted(by_scenario):
        for run in by_scenario[scenario]:
            if run.rerun is not None and run.rerun != run.hash:
                found.append(f"{scenario}, seed {run.seed}: its rerun differs ({run.hash} became {run.rerun}); flaky is a bug")
            if scenario in must_pass and run.verdict in ("fail", "undecided"):
                found.append(f"{scenario}, seed {run.seed}: must pass, and its verdict is {run.verdict}")
    return found


def _voids(requirements: Sequence[Requirement], by_scenario: Mapping[str, Sequence[Run]]) -> list[str]:
    found = [f"{s}, seed {r.seed}: the run is void" for s in sorted(by_scenario) for r in by_scenario[s] if r.verdict == "void"]
    for requirement in requirements:
        for run in by_scenario.get(requirement.scenario, ()):
            if run.verdict != "void" and requirement.score(run) is None:
                found.append(f"{run.scenario}, seed {run.seed}: no value for {requirement.name!r}, so it is no evidence")
    return found


def _scores(requirement: Requirement, runs: Sequence[Run]) -> Floats:
    """Scores up to the first run that is void or measured nothing: what comes after a hole is no sample any more."""
    scores: list[float] = []
    for run in runs:
        score = requirement.score(run)
        if score is None or run.verdict == "void":
            break
        scores.append(score)
    return np.array(scores)


def _findings(
    requirements: Sequence[Requirement], by_scenario: Mapping[str, Sequence[Run]], alpha: float
) -> tuple[Finding, ...]:
    scores = [_scores(r, by_scenario.get(r.scenario, ())) for r in requirements]
    sides = (
        familywise(_aligned([path(x, r.threshold) for x, r in zip(scores, requirements, strict=True)])),
        familywise(_aligned([path(1 - x, 1 - r.threshold) for x, r in zip(scores, requirements, strict=True)])),
    )
    return tuple(_finding(r, scores[i], sides[0][:, i], sides[1][:, i], alpha) for i, r in enumerate(requirements))


def _aligned(paths: Sequence[Floats]) -> Floats:
    """Log e-values (rounds, k), a round being one seed; before the first run 0, after the last one what it was."""
    table = np.zeros((1 + max(p.size for p in paths), len(paths)))
    for column, p in enumerate(paths):
        if p.size:
            table[1 : p.size + 1, column], table[p.size + 1 :, column] = p, p[-1]
    return table


def _finding(requirement: Requirement, scores: Floats, for_it: Floats, against: Floats, alpha: float) -> Finding:
    bar, n = 1 / alpha, int(scores.size)
    met, refuted = (int(np.argmax(side >= bar)) if (side >= bar).any() else None for side in (for_it, against))
    state: State = "continue"
    if met is not None or refuted is not None:
        state = "met" if refuted is None or (met is not None and met <= refuted) else "refuted"
    after = None if state == "continue" else min(n, met if state == "met" and met is not None else refuted or 0)
    seen = requirement.natural(interval_of(scores, alpha))
    to_go = None
    if state == "continue" and n:
        up = float(scores.mean()) >= requirement.threshold
        ratio = scores / requirement.threshold if up else (1 - scores) / (1 - requirement.threshold)
        to_go = _to_go(ratio, float((for_it if up else against)[-1]), bar)
    low, high = float(seen.low or 0.0), float(seen.high or 0.0)
    return Finding(requirement, state, after, n, seen.value, low, high, float(for_it.max()), float(against.max()), to_go)


def _to_go(price_ratio: Floats, evidence: float, bar: float) -> int | None:
    """About how many more runs would pass the bar, at the growth of the bet that was best so far."""
    slope = float(np.log1p(BETS * (price_ratio[:, None] - 1)).mean(axis=0).max())
    return math.ceil(max(1.0, math.log(bar / evidence) / slope)) if slope > 1e-6 and evidence > 0 else None
