"""Two engines under one scenario: what holds in both, and how far their statistics are apart.

That gap is the part of a verdict's uncertainty that comes from the model and that no number of episodes makes smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from twin.core.errors import TableError
from twin.judge.compare import Comparison, Row, compare
from twin.judge.verdict import WORST
from twin.judge.words import listed
from twin.log.stored import whole
from twin.log.tables import RunLog

SPELT = {"mujoco": "MuJoCo", "pybullet": "PyBullet"}
"""Engines as their makers spell them."""


@dataclass(frozen=True)
class Check:
    """A check of the scenario, and in which runs of each engine it held: engine → (held, failed, open)."""

    name: str
    runs: Mapping[str, tuple[int, int, int]]

    @property
    def holds(self) -> bool:
        """Whether it held in every run of both."""
        return all(failed + left == 0 and held > 0 for held, failed, left in self.runs.values())

    @property
    def mark(self) -> str:
        """One word for a terminal."""
        return "holds" if self.holds else "FAILS" if any(failed for _, failed, _ in self.runs.values()) else "open "

    def words(self) -> str:
        """Where it holds and where not."""
        if self.holds:
            return "holds on both"
        told = [f"{engine}: {held} hold, {failed} fail, {left} open" for engine, (held, failed, left) in self.runs.items()]
        return "; ".join(told)


@dataclass(frozen=True)
class Engines:
    """A scenario on two engines. `verdicts` are the worst of each; `told` is None where nothing can be compared: `why`."""

    scenario: str
    names: tuple[str, str]
    verdicts: Mapping[str, str]
    checks: tuple[Check, ...]
    told: Comparison | None
    why: str = ""

    @property
    def verdict(self) -> str:
        """That of both: as good as the worse one."""
        return min(self.verdicts.values(), key=WORST.index)

    def uncertainty(self) -> list[tuple[str, Row]]:
        """(group, statistic) of all that both engines measure."""
        groups = self.told.groups if self.told is not None else ()
        return [(group.name, row) for group in groups for row in group.rows if row.gap.value is not None]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "scenario": self.scenario,
            "engines": list(self.names),
            "verdict": self.verdict,
            "verdicts": dict(self.verdicts),
            "checks": [{"name": c.name, "holds_in_both": c.holds, "runs": dict(c.runs)} for c in self.checks],
            "model_uncertainty": [self._row(group, row) for group, row in self.uncertainty()],
            "not_compared": self.why,
        }

    def _row(self, group: str, row: Row) -> dict[str, Any]:
        sides = zip(self.names, (row.sim, row.real), strict=True)
        values = {name: None if side is None else side.value for name, side in sides}
        gap = row.gap._asdict() | {"is": "ratio" if row.ratio else "difference"}
        return {"group": group, "statistic": row.key, **values, "gap": gap, "verdict": row.verdict}


def across(first: Sequence[RunLog], second: Sequence[RunLog]) -> Engines:
    """Runs of one scenario on one engine beside those on another."""
    sides = (first, second)
    names = (_engine(first), _engine(second))
    verdicts = {
        name: min((str(log.meta["verdict"]) for log in side), key=WORST.index) for name, side in zip(names, sides, strict=True)
    }
    scenario = str(first[0].meta.get("scenario"))
    try:
        told = tell(_episodes(first), _episodes(second), names)
    except TableError as error:
        return Engines(scenario, names, verdicts, _checks(names, sides), None, str(error))
    return Engines(scenario, names, verdicts, _checks(names, sides), told)


def tell(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> Comparison:
    """Two tables of episodes of one scenario, in the words of engines instead of simulation and reality."""
    told = compare(first, second)
    notes = tuple(note for note in told.notes if note.startswith(("sim: ", "real: ")))
    for word, name in zip(("sim: ", "real: "), names, strict=True):
        notes = tuple(note.replace(word, f"{name}: ", 1) for note in notes)
    groups = tuple(replace(group, paired=None) for group in told.groups)
    return replace(told, groups=groups, sentence=_sentence(told, names), notes=notes)


def _episodes(side: Sequence[RunLog]) -> pd.DataFrame:
    return pd.concat([whole(log.episodes) for log in side], ignore_index=True)


def _engine(side: Sequence[RunLog]) -> str:
    return str(side[0].meta.get("engine"))


def _checks(names: tuple[str, str], sides: tuple[Sequence[RunLog], Sequence[RunLog]]) -> tuple[Check, ...]:
    found: dict[str, dict[str, list[int]]] = {}
    for engine, side in zip(names, sides, strict=True):
        for log in side:
            for check in log.meta.get("checks") or ():
                counts = found.setdefault(check["name"], {name: [0, 0, 0] for name in names})[engine]
                counts[{True: 0, False: 1, None: 2}[check["passed"]]] += 1
    return tuple(Check(name, {e: (c[0], c[1], c[2]) for e, c in runs.items()}) for name, runs in found.items())


def _sentence(told: Comparison, names: tuple[str, str]) -> str:
    """What hangs on the engine, and what does not."""
    heads = {
        "agrees": f"{names[0]} and {names[1]} agree on",
        "differs": "They differ in",
        "cannot_tell": "It cannot be told yet for",
    }
    parts = []
    for verdict, head in heads.items():
        rows = [row for group in told.groups for row in group.rows if row.verdict == verdict and row.gap.value is not None]
        if rows:
            parts.append(f"{head} {listed(list(dict.fromkeys(row.name for row in rows)))}.")
    return " ".join(parts) or "There is nothing that both measure."
