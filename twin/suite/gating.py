"""A release before the gate: runs are added, candidate and baseline on the same seeds, until all is decided or the budget ends.

What has to be shown follows from the checks of the candidate's scenarios. A check of a share (`success_rate`) is judged by its
mean over runs, one value a run, and beside the baseline's where there is one. Every other check has to hold in every run; or,
given a pass rate, the share of runs that pass altogether is what has to be shown.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twin.core.errors import InputError, nearest
from twin.judge.checks import CheckResult, evaluate
from twin.judge.evidence import fewest_runs
from twin.judge.gate import ALPHA, VERDICTS, Decision, Requirement, Run, decide
from twin.judge.gate import seeds as seeds_of
from twin.judge.spec import CheckSpec, SuccessRate
from twin.judge.verdict import verdict as judge
from twin.log.tables import open_run
from twin.suite.plan import Unit
from twin.suite.results import Results, Row

MARGIN = 0.03
"""How much worse than the baseline a share may be where nothing is said."""

Runner = Callable[[Sequence[Unit], Path], Results]
"""Runs units under a folder."""

Told = Callable[[Decision, int], None]
"""Is told where things stand, and how many seeds there were at most, after each round."""


@dataclass(frozen=True)
class Asked:
    """What a gate is asked. `candidate` and `baseline` have one unit a scenario, whose seed does not matter."""

    candidate: tuple[Unit, ...]
    baseline: tuple[Unit, ...] = ()
    alpha: float = ALPHA
    margin: float = MARGIN
    pass_rate: float | None = None
    release: str = ""
    epoch: int = 1
    budget: int = 200

    @property
    def name(self) -> str:
        """The release's name; left out, a digest of the candidate, so that an edited one is judged on seeds of its own."""
        keys = sorted(f"{unit.scenario.name} {unit.scenario.digest} {unit.around}" for unit in self.candidate)
        return self.release or hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Measure:
    """A requirement and the check of its scenario that measures it (None: whether the run passes)."""

    requirement: Requirement
    check: CheckSpec | None


def measures(asked: Asked) -> list[Measure]:
    """What has to be shown, from the checks of the candidate. Raises `InputError` where there is nothing to show, or where the
    baseline lacks a scenario."""
    theirs = {unit.scenario.name: unit for unit in asked.baseline}
    found: list[Measure] = []
    for unit in asked.candidate:
        scenario = unit.scenario
        if asked.baseline and scenario.name not in theirs:
            raise InputError(f"the baseline has no scenario {scenario.name!r}{nearest(scenario.name, theirs, what='it has')}")
        if asked.pass_rate is not None:
            found.append(
                Measure(Requirement(f"{scenario.name}: runs that pass", scenario.name, at_least=asked.pass_rate), None)
            )
        for i, check in enumerate(scenario.spec.checks):
            found += _alone(check, f"{scenario.name} check {i + 1}", scenario.name)
        found += _paired(scenario.spec.checks, scenario.name, asked)
    if not found:
        raise InputError(
            "nothing in this suite can be shown by statistics: give a scenario a check such as "
            "success_rate: {task: pick_place, min: 0.8}, or say --pass-rate 0.9"
        )
    return found


def _alone(check: CheckSpec, place: str, scenario: str) -> list[Measure]:
    """What a check of a share asks of the candidate's own mean."""
    rate = check.success_rate
    if rate is None or not is_share(check):
        return []
    name = f"{place}: success of {rate.task}"
    found = [Requirement(name, scenario, at_least=rate.min)] if rate.min else []
    if rate.max is not None and rate.max < 1:
        found.append(Requirement(f"{name} (most)", scenario, at_most=rate.max))
    return [Measure(requirement, check) for requirement in found]


def _paired(checks: Sequence[CheckSpec], scenario: str, asked: Asked) -> list[Measure]:
    """Success beside the baseline, task by task; the margin is the check's own where it has one."""
    own = {check.not_worse_than.task: check.not_worse_than.margin for check in checks if check.not_worse_than is not None}
    if own and not asked.baseline:
        raise InputError(f"scenario {scenario!r} has a check not_worse_than: say what it is held against with --baseline")
    if not asked.baseline:
        return []
    margins = {c.success_rate.task: asked.margin for c in checks if c.success_rate is not None and is_share(c)} | own
    return [
        Measure(
            Requirement(f"{scenario}: success of {task} (pairs)", scenario, not_worse_by=margin),
            CheckSpec(success_rate=SuccessRate(task=task, min=0)),
        )
        for task, margin in sorted(margins.items())
    ]


def is_share(check: CheckSpec) -> bool:
    """Whether a check is of a mean over runs: a share strictly between 0 and 1 (at 0 or 1 one run decides), or a baseline's."""
    rate = check.success_rate
    return check.not_worse_than is not None or (rate is not None and rate.min != 1 and rate.max != 0)


def gate(asked: Asked, out: Path, run: Runner, run_baseline: Runner | None = None, told: Told | None = None) -> Decision:
    """Add seeds until there is a decision or the budget is spent; finished runs under `out` are taken up again.

    `run` and `run_baseline` (left out: the same) run units; each serves one state of the user's code. The first seed of every
    scenario is run once more from nothing: a hash that differs blocks.
    """
    wanted = measures(asked)
    must_pass = [unit.scenario.name for unit in asked.candidate] if asked.pass_rate is None else []
    kept: dict[tuple[str, int], Run] = {}
    reruns: Mapping[str, str | None] = {}
    open_, count = list(asked.candidate), min(asked.budget, _first(wanted, asked.alpha))
    while True:
        fresh = _round(asked, open_, count, kept, wanted, out, (run, run_baseline or run))
        kept |= {(r.scenario, r.index): r for r in fresh}
        reruns = reruns or _reruns(asked, out, run)
        runs = [replace(r, rerun=reruns[r.scenario]) if r.index == 0 else r for r in kept.values()]
        decision = decide(
            [m.requirement for m in wanted], runs, release=asked.name, epoch=asked.epoch, alpha=asked.alpha, must_pass=must_pass
        )
        if told is not None:
            told(decision, count)
        if decision.word != "undecided" or count >= asked.budget:
            return decision
        undecided = {f.requirement.scenario for f in decision.findings if f.state == "continue"}
        open_ = [unit for unit in asked.candidate if unit.scenario.name in undecided]
        count = min(asked.budget, count + _step(decision, count))


def _first(wanted: Sequence[Measure], alpha: float) -> int:
    """Seeds of the first round: half of what the easiest requirement needs at least."""
    return max(2, min(fewest_runs(m.requirement.threshold, alpha) for m in wanted) // 2)


def _step(decision: Decision, count: int) -> int:
    """Seeds to add: as many as the nearest decision is likely to take, at least 2, at most half of what there is."""
    near = min((f.to_go for f in decision.findings if f.to_go is not None), default=count)
    return max(2, min(near, count // 2))


def _round(
    asked: Asked,
    units: Sequence[Unit],
    count: int,
    kept: Mapping[tuple[str, int], Run],
    wanted: Sequence[Measure],
    out: Path,
    runners: tuple[Runner, Runner],
) -> list[Run]:
    """The runs that bring every unit's scenario to `count` seeds."""
    seeds = seeds_of(asked.name, count, asked.epoch)
    todo = [(unit.scenario.name, i) for unit in units for i in range(count) if (unit.scenario.name, i) not in kept]
    ours = _by_seed(asked.candidate, todo, seeds, out / "candidate", runners[0])
    paired = {m.requirement.scenario for m in wanted if m.requirement.paired}
    beside = [(name, i) for name, i in todo if name in paired]
    theirs = _by_seed(asked.baseline, beside, seeds, out / "baseline", runners[1])
    by_name = {unit.scenario.name: unit for unit in units}
    return [_run(by_name[name], i, seeds[i], ours, theirs, wanted) for name, i in todo]


def _by_seed(
    side: Sequence[Unit], todo: Sequence[tuple[str, int]], seeds: Sequence[int], out: Path, run: Runner
) -> dict[tuple[str, int], Row]:
    """Rows of one side by scenario and seed."""
    by_name = {unit.scenario.name: unit for unit in side}
    units = [by_name[name].seeded(seeds[i]) for name, i in todo if name in by_name]
    rows = run(units, out).rows if units else ()
    for row in rows:
        if row.verdict == "refused":
            raise InputError(f"{row.scenario}, seed {row.seed}: {'; '.join(row.reasons)}")
    return {(row.scenario, row.seed): row for row in rows}


def _reruns(asked: Asked, out: Path, run: Runner) -> dict[str, str | None]:
    """The hash of every scenario's first seed, run from nothing a second time."""
    seed = seeds_of(asked.name, 1, asked.epoch)[0]
    with tempfile.TemporaryDirectory(prefix="rerun-", dir=out) as again:
        rows = run([unit.seeded(seed) for unit in asked.candidate], Path(again)).rows
    return {row.scenario: row.hash or row.verdict for row in rows}


Rows = Mapping[tuple[str, int], Row]


def _run(unit: Unit, index: int, seed: int, ours: Rows, theirs: Rows, wanted: Sequence[Measure]) -> Run:
    """A run as the gate knows it."""
    name = unit.scenario.name
    row, base = ours[name, seed], theirs.get((name, seed))
    mine = [m for m in wanted if m.requirement.scenario == name]
    return Run(
        scenario=name,
        index=index,
        seed=seed,
        hash=row.hash or row.verdict,
        values=_values(row, mine),
        verdict=_hard_verdict(row, unit.scenario.spec.checks),
        sha256=row.sha256,
        baseline={} if base is None else _values(base, [m for m in mine if m.requirement.paired]),
        baseline_hash=None if base is None else base.hash or base.verdict,
    )


def _values(row: Row, wanted: Sequence[Measure]) -> dict[str, float | None]:
    """What a run measured, by requirement. The candidate's checks are applied to the baseline's log as well."""
    passed = None if row.verdict == "void" else float(row.verdict == "pass")
    values = {m.requirement.name: passed for m in wanted if m.check is None}
    checks = {m.requirement.name: m.check for m in wanted if m.check is not None}
    if row.folder is None:
        return values | dict.fromkeys(checks)
    found = evaluate(list(checks.values()), open_run(Path(row.folder))) if checks else []
    return values | {name: result.value for name, result in zip(checks, found, strict=True)}


def _hard_verdict(row: Row, checks: Sequence[CheckSpec]) -> str:
    """The verdict of a run with its checks of shares left aside: the mean over runs decides those."""
    if row.folder is None:
        return row.verdict if row.verdict in VERDICTS else "fail"
    results = [CheckResult.from_dict(found) for found in row.checks]
    hard = [result for result, check in zip(results, checks, strict=True) if not is_share(check)]
    return judge(open_run(Path(row.folder)), hard).word
