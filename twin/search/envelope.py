"""The envelope of a check: how far a condition may go before it stops holding.

Every point (a value of each quantity) is simulated with several seeds, many points in one run. First a grid over the range,
then again and again so many points between the last value that holds and the first that does not, until they are close. A
point holds where at least a share of its seeds hold; seeds that say nothing (undecided, void, nothing ran) count for neither.
Of two quantities the second has a grid of values, and the frontier of the first is found at each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twin.core.errors import InputError
from twin.judge.checks import evaluate
from twin.judge.checks.episodes import exact
from twin.judge.spec import CheckSpec
from twin.judge.stats import Interval
from twin.judge.verdict import verdict
from twin.log.tables import RunLog, read_run
from twin.scenario.load import Scenario
from twin.search.copies import Data, copied, log_of, plain, runs
from twin.search.quantities import Quantity
from twin.suite.plan import Unit, unit_of
from twin.suite.pool import Workers

Word = Literal["holds", "fails", "void", "open"]
Seen = Callable[[float, float], None]
ROUNDS = 12
"""Refinements after which the search ends however wide the bracket is."""


@dataclass(frozen=True)
class Axis:
    """A quantity and the range over which it is varied."""

    quantity: Quantity
    low: float
    high: float

    def between(self, low: float, high: float, n: int) -> list[float]:
        """n values from `low` to `high`, both among them; fewer where only whole numbers can stand there."""
        values = np.linspace(low, high, n)
        return sorted({float(round(v)) if self.quantity.whole else round(float(v), 9) for v in values})


@dataclass(frozen=True)
class Options:
    """How hard the search looks."""

    seeds: int = 8
    points: int = 8
    tolerance: float = 0.02
    """The bracket is this share of the range, or less."""
    share: float = 1.0
    """Of the seeds that say something so many must hold."""
    confidence: float = 0.95


@dataclass(frozen=True)
class Point:
    """What became of the seeds of one point; `failing`: the copies that failed."""

    values: tuple[float, ...]
    held: int
    failing: tuple[str, ...]
    undecided: int = 0
    void: int = 0

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.failing)

    def word(self, share: float) -> Word:
        """Whether it holds."""
        n = self.held + self.failed
        if n:
            return "holds" if self.held >= share * n else "fails"
        return "void" if self.void > self.undecided else "open"

    def interval(self, confidence: float) -> Interval:
        """The share of runs in which the check holds, with its exact interval (Clopper and Pearson 1934)."""
        return exact(k=self.held, n=self.held + self.failed, confidence=confidence)


@dataclass(frozen=True)
class Edge:
    """The frontier of the first quantity, with the others at `at`: `holds` is the last value that holds, `fails` the first
    that does not (None: there is none in the range). `reversed`: it holds above and fails below; `again`: it also holds at
    values beyond `fails`."""

    at: tuple[float, ...]
    holds: float | None
    fails: float | None
    reversed: bool
    again: bool
    points: tuple[Point, ...]

    @classmethod
    def of(cls, at: tuple[float, ...], points: Iterable[Point], share: float) -> Edge:
        """The edge that points show."""
        points = tuple(sorted(points, key=lambda p: p.values))
        told = [(p.values[0], word == "holds") for p in points if (word := p.word(share)) in ("holds", "fails")]
        backwards = len(told) > 1 and not told[0][1] and told[-1][1]
        told = told[::-1] if backwards else told
        first = next((i for i, (_, held) in enumerate(told) if held), len(told))
        told = told if first == len(told) else told[first:]  # fails at both ends: the upper edge of what holds between
        broken = next((i for i, (_, held) in enumerate(told) if not held), None)
        last = told if broken is None else told[:broken]
        holds = last[-1][0] if last and last[-1][1] else None
        again = broken is not None and any(held for _, held in told[broken:])
        return cls(at, holds, None if broken is None else told[broken][0], backwards, again, points)

    @property
    def found(self) -> bool:
        """Whether the range holds a frontier."""
        return self.holds is not None and self.fails is not None

    def point(self, value: float | None) -> Point | None:
        """The point at a value of the first quantity."""
        return next((p for p in self.points if p.values[0] == value), None)


@dataclass
class Search:
    """One search. `copies`: what each copy that was simulated had as values; `seen` is told how far it has come."""

    scenario: Scenario
    axes: Sequence[Axis]
    check: CheckSpec
    options: Options
    out: Path
    workers: Workers
    seen: Seen | None = None
    copies: dict[str, tuple[float, ...]] = field(default_factory=dict)
    units: list[Unit] = field(default_factory=list)

    def frontier(self) -> list[Edge]:
        """The edge for each value of the second quantity; of one quantity a single one."""
        first, *others = self.axes
        wanted = self.options.points
        lines = [(v,) for v in others[0].between(others[0].low, others[0].high, wanted)] if others else [()]
        found: dict[tuple[float, ...], list[Point]] = {line: [] for line in lines}
        asked = [(value, *line) for line in lines for value in first.between(first.low, first.high, wanted)]
        for turn in range(ROUNDS):
            for point in self._simulate(asked, turn):
                found[point.values[1:]].append(point)
            edges = [Edge.of(line, points, self.options.share) for line, points in found.items()]
            asked = [(value, *edge.at) for edge in edges for value in self._next(edge)]
            if not asked:
                break
        return edges

    def _next(self, edge: Edge) -> list[float]:
        """Values between the last that holds and the first that does not; none where they are close."""
        first = self.axes[0]
        if edge.holds is None or edge.fails is None:
            return []
        low, high = sorted((edge.holds, edge.fails))
        if high - low <= self.options.tolerance * (first.high - first.low) * (1 + 1e-9):
            return []
        known = {point.values[0] for point in edge.points}
        return [v for v in first.between(low, high, self.options.points + 2) if low < v < high and v not in known]

    def data(self, prefix: str) -> Data:
        """A copy as a scenario of its own."""
        data = plain(self.scenario)
        for axis, value in zip(self.axes, self.copies[prefix], strict=True):
            axis.quantity.put(data, self.scenario, int(value) if axis.quantity.whole else value)
        return copied(data, prefix, self.scenario.seed, self.scenario.spec.duration_s)

    def _simulate(self, asked: Sequence[tuple[float, ...]], turn: int) -> list[Point]:
        """Points, each with all of its seeds."""
        of_point: list[list[str]] = []
        for values in asked:
            begin = len(self.copies)
            of_point.append([f"p{begin + k + 1:04d}-" for k in range(self.options.seeds)])
            self.copies |= dict.fromkeys(of_point[-1], values)
        name = f"{self.scenario.name}-round{turn + 1}"
        checks = [self.check.model_dump(mode="json", by_alias=True, exclude_none=True)]  # some is judged only where it is asked
        planned = runs(self.scenario, {prefix: self.data(prefix) for each in of_point for prefix in each}, name, checks)
        said: dict[str, bool | str | None] = {}
        units = {unit_of(scenario): prefixes for scenario, prefixes in planned}
        done = 0

        def seen(row: Any) -> None:
            nonlocal done
            done += 1
            if self.seen is not None:
                self.seen(turn + done / len(units), turn + 1)

        self.units += units
        rows = {row.scenario: row for row in self.workers.run(list(units), self.out, seen).rows}
        for unit, prefixes in units.items():
            row = rows[unit.scenario.name]
            if row.folder is None:
                raise InputError(f"{unit.name}: {'; '.join(row.reasons)}")
            log = read_run(Path(row.folder))
            said |= {prefix: judged(self.check, log_of(log, prefix)) for prefix in prefixes}
        return [_point(values, each, said) for values, each in zip(asked, of_point, strict=True)]


def judged(check: CheckSpec, log: RunLog) -> bool | str | None:
    """What a check says of the log of one copy: True, False, None (undecided, or nothing ran that it could judge), `void`."""
    results = evaluate([check], log)
    word = verdict(log, results).word
    if word == "void":
        return "void"
    passed = results[0].passed
    return None if passed and word == "fail" else passed


def _point(values: tuple[float, ...], prefixes: Sequence[str], said: dict[str, Any]) -> Point:
    answers = [said[prefix] for prefix in prefixes]
    failing = tuple(prefix for prefix in prefixes if said[prefix] is False)
    return Point(values, answers.count(True), failing, answers.count(None), answers.count("void"))
