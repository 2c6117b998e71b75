"""What a usable episode costs, and how that falls with the size of the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.judge.columns import US, answers, codes
from twin.judge.facts import Facts, kinds
from twin.judge.stats import Interval, proportion
from twin.log.tables import RunLog

YEAR_H = 8766.0
SIZES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100)


@dataclass(frozen=True)
class Costs:
    """Cost a cell and hour, by what for; usable episodes a cell and hour; what the fixed cost is an hour."""

    currency: str
    cells: int
    per_cell_h: Mapping[str, float]
    fixed_h: float
    usable_per_cell_h: float

    def per_episode(self, cells: int) -> float:
        """Cost of a usable episode in a fleet of so many cells that work as these did, with people in proportion."""
        return (self.fixed_h / cells + sum(self.per_cell_h.values())) / self.usable_per_cell_h

    def curve(self) -> list[tuple[float, float]]:
        """(cells, cost a usable episode): the amortisation of what is paid once."""
        sizes = sorted({*SIZES, self.cells})
        return [(float(n), self.per_episode(n)) for n in sizes if n <= max(4 * self.cells, 20)]


def costs(log: RunLog, known: Facts) -> Costs | None:
    """The costs of a run; None where its fleet names none, or nothing usable came of it."""
    spec = ((log.meta.get("stored") or {}).get("spec") or {}).get("fleet", {}).get("costs")
    hours, cells = known.books.duration_us / US / 3600, len(known.books.cells)
    if not spec or not known.usable or not cells or not hours:
        return None
    repairs = kinds(log).get("repair.done", 0)
    cell_h = cells * hours
    per_cell_h = {
        "robots": spec["robot"] / (spec["years"] * YEAR_H),
        "running": spec["running_h"],
        "people": spec["person_h"] * known.human_h / cell_h,
        "repairs": spec["repair"] * repairs / cell_h,
    }
    fixed_h = spec["fixed"] / (spec["years"] * YEAR_H)
    return Costs(spec["currency"], cells, per_cell_h, fixed_h, known.usable / cell_h)


def confusion(log: RunLog) -> list[tuple[str, int, int]] | None:
    """Labels against ground truth: (label source, truth and label agree on success / …) as rows of counts.

    Rows: (what, labelled a success, labelled a failure) of episodes that truly succeeded, and of those that truly failed; None
    where a log has no ground truth.
    """
    truth, label = (answers(log.episodes, name, table="episodes") for name in ("truth", "label"))
    if not ((truth >= 0) & (label >= 0)).any():
        return None

    def both(real: int, said: int) -> int:
        return int(((truth == real) & (label == said)).sum())

    return [("truly a success", both(1, 1), both(1, 0)), ("truly a failure", both(0, 1), both(0, 0))]


def wrong_labels(log: RunLog) -> list[tuple[str, Interval]]:
    """How often labels are wrong, by who gave them and which way: (who called what what, share of those with its interval)."""
    truth, label = (answers(log.episodes, name, table="episodes") for name in ("truth", "label"))
    source, names = codes(log.episodes, "label_source", table="episodes")
    out = []
    for n, who in enumerate(names):
        for real, called in ((0, "failures called a success"), (1, "successes called a failure")):
            held = (source == n) & (truth == real) & (label >= 0)
            if held.any():
                out.append((f"{who}: {called}", proportion(k=int((held & (label != real)).sum()), n=int(held.sum()))))
    return out


def product(log: RunLog, known: Facts) -> dict[str, Any]:
    """Everything a page says of data and cost: confusion, rejections by reason, sources of labels, costs."""
    return {
        "confusion": confusion(log),
        "wrong": wrong_labels(log),
        "rejected": _tally(log, "reject_reason"),
        "labels": _tally(log, "label_source"),
        "hindsight": sum(n for _, n in _tally(log, "instruction")),
        "costs": costs(log, known),
    }


def _tally(log: RunLog, name: str) -> list[tuple[str, int]]:
    """How many episodes have each text, the commonest first."""
    told, names = codes(log.episodes, name, table="episodes")
    counts = np.bincount(told[told >= 0], minlength=len(names)).tolist()
    return sorted(zip(names, counts, strict=True), key=lambda item: (-item[1], item[0]))
