"""What a scenario predicts beside what was published of its farm, and how much hangs on each of its assumptions.

An assumption is a number written `{value, low, high, source}`. The farm is run with all at their values, then with each alone
at its low and at its high end. Nothing is fitted: what was not published stands in the file with its range.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from twin.build import build
from twin.core.clock import US, to_us
from twin.core.errors import InputError
from twin.scenario.load import Scenario, remade

Path = tuple[str | int, ...]
Progress = Callable[[float, float], None]
KEPT_S = 3600.0
"""Events and rows are let go of as often (simulated s): nothing is written."""


@dataclass(frozen=True)
class Assumption:
    """A number with a range, and what the farm would yield at both ends (episodes a cell and hour)."""

    path: str
    source: str
    value: float
    low: float
    high: float
    at_low: float = math.nan
    at_high: float = math.nan

    @property
    def swing(self) -> float:
        """How far the prediction moves between the ends."""
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True)
class Beside:
    """A published count, the prediction for the same time, and the range that all assumptions together leave."""

    source: str
    published: float
    predicted: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the published count lies in the range."""
        return self.low <= self.published <= self.high


@dataclass(frozen=True)
class Prediction:
    """Episodes per cell and hour, the published figures beside it, the assumptions by their weight."""

    rate: float
    usable: float
    beside: tuple[Beside, ...]
    assumptions: tuple[Assumption, ...]


def assumptions(data: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every `{value, low, high}` in a scenario, in the order of the file."""
    if isinstance(data, Mapping):
        if {"value", "low", "high"} <= data.keys() and data["low"] is not None and data["high"] is not None:
            yield path, data
            return
        for key, value in data.items():
            yield from assumptions(value, (*path, str(key)))
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            yield from assumptions(value, (*path, index))


def predict(scenario: Scenario, progress: Progress | None = None) -> Prediction:
    """Run the farm at its values and at both ends of every assumption. Raises `InputError` outside the outcome tier."""
    if scenario.spec.tier != "outcome":
        raise InputError(f"{scenario.name} is of tier {scenario.spec.tier}; a prediction over months needs tier: outcome")
    data = scenario.spec.model_dump(mode="json", by_alias=True)
    found = list(assumptions(data))
    total = 1 + 2 * len(found)
    rate, usable, _ = _rates(scenario)
    done = []
    for n, (path, held) in enumerate(found):
        ends = [_rates(_changed(scenario, data, path, held[end]))[0] for end in ("low", "high")]
        values = {key: float(held[key]) for key in ("value", "low", "high")}
        done.append(Assumption(_name(path), str(held.get("source") or ""), **values, at_low=ends[0], at_high=ends[1]))
        if progress is not None:
            progress(3 + 2 * n, total)
    down, up = (_together(rate, [end(a.at_low, a.at_high) for a in done], sign) for end, sign in ((min, -1), (max, 1)))
    beside = []
    for figure in scenario.spec.published:
        cells = figure.cells or len(scenario.cells)
        hours = figure.robot_h if figure.robot_h is not None else 24.0 * (figure.days or 0.0) * cells
        given = rate * hours, down * hours, up * hours
        beside.append(Beside(figure.source, figure.count, *given))
    ranked = tuple(sorted(done, key=lambda a: -a.swing))
    return Prediction(rate, usable, tuple(beside), ranked)


def _together(rate: float, ends: Sequence[float], sign: int) -> float:
    """What all assumptions leave in one direction: the factors of each, independent, so that squares of logarithms add up."""
    if rate <= 0 or min(ends, default=rate) <= 0:
        return rate if sign > 0 else 0.0
    swings = (max(0.0, sign * math.log(end / rate)) for end in ends)
    return rate * math.exp(sign * math.sqrt(sum(swing**2 for swing in swings)))


def _name(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _changed(scenario: Scenario, data: Mapping[str, Any], path: Path, value: float) -> Scenario:
    """The scenario with one assumption at another value."""
    other = copy.deepcopy(dict(data))
    holder: Any = other
    for step in path:
        holder = holder[step]
    holder.update(value=value)
    if path[-1] == "share":  # shares of an entry add up to 1: the others make room in proportion
        _make_room(other, path)
    return remade(scenario, other)


def _make_room(data: Any, path: Path) -> None:
    results: Any = data
    for step in path[:-2]:
        results = results[step]
    mine = int(path[-2])

    def share(result: Any) -> float:
        held = result["share"]
        return float(held["value"] if isinstance(held, Mapping) else held)

    rest = sum(share(r) for k, r in enumerate(results) if k != mine)
    for k, result in enumerate(results):
        if k != mine and rest > 0:
            result["share"] = share(result) * (1 - share(results[mine])) / rest


@dataclass(frozen=True)
class Point:
    """What a farm yields with one number at `value`: episodes and usable ones a cell and hour, mean wait for a person (s)."""

    value: float
    rate: float
    usable: float
    wait_s: float | None


def sweep(scenario: Scenario, path: str, values: Sequence[float], progress: Progress | None = None) -> list[Point]:
    """Run the farm with the number at a path of the scenario (`fleet.people.staff.count`) at each of the values.

    Raises `InputError` where nothing stands at the path, or a value cannot stand there.
    """
    data = scenario.spec.model_dump(mode="json", by_alias=True)
    steps: Path = tuple(int(step) if step.isdigit() else step for step in path.split("."))
    out = []
    for n, value in enumerate(values):
        try:
            changed = _put(scenario, data, steps, int(value) if value == int(value) else value)
        except (KeyError, IndexError, TypeError):
            raise InputError(f"{scenario.name} has nothing at {path!r}") from None
        except ValidationError as error:
            raise InputError(f"{value:g} cannot stand at {path!r}: {error.errors()[0]['msg']}") from None
        out.append(Point(value, *_rates(changed)))
        if progress is not None:
            progress(n + 1, len(values))
    return out


def _put(scenario: Scenario, data: Mapping[str, Any], steps: Path, value: float) -> Scenario:
    """The scenario with a number at a path."""
    other = copy.deepcopy(dict(data))
    holder: Any = other
    for step in steps[:-1]:
        holder = holder[step]
    if isinstance(holder, Mapping) and steps[-1] not in holder:
        raise KeyError(steps[-1])
    holder[steps[-1]] = value
    return remade(scenario, other)


def _rates(scenario: Scenario) -> tuple[float, float, float | None]:
    """Episodes, and usable ones, a cell and hour; how long calls wait until somebody begins (s)."""
    farm = build(scenario, "prediction", 1)
    farm.begin()
    end_us, usable = to_us(scenario.spec.duration_s), 0
    sent: dict[int, int] = {}
    waits: list[int] = []
    for due in range(to_us(KEPT_S), end_us + to_us(KEPT_S), to_us(KEPT_S)):
        while farm.step(min(due, end_us)):
            pass
        usable += sum('"usable":true' in row if isinstance(row, str) else row["usable"] is True for row in farm.book.episodes)
        for text in farm.book.new:
            if '"page.sent"' in text or '"page.answered"' in text:
                event = json.loads(text)
                if event[3] == "page.sent":
                    sent[event[10]["page"]] = event[1]
                else:
                    waits.append(event[1] - sent.pop(event[10]["page"]))
        farm.book.new, farm.book.episodes = [], []
    hours = len(scenario.cells) * end_us / US / 3600
    wait_s = sum(waits) / len(waits) / US if waits else None
    return farm.episodes.begun / hours, usable / hours, wait_s
