"""What a usable episode costs, and how that falls with the size of the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.judge.columns import US, parts
from twin.judge.facts import Facts, kinds
from twin.judge.stats import Interval, proportion
from twin.judge.tally import Tally, tally
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
    told = tally(log.episodes, ("truth", "label"))
    rows = [
        (what, told.of(truth=real, label=True), told.of(truth=real, label=False))
        for what, real in (("truly a success", True), ("truly a failure", False))
    ]
    return rows if any(yes or no for _, yes, no in rows) else None


def wrong_labels(log: RunLog) -> list[tuple[str, Interval]]:
    """How often labels are wrong, by who gave them and which way: (who called what what, share of those with its interval)."""
    out, told = [], tally(log.episodes, ("truth", "label", "label_source"))
    for who, mine in told.without(label=None).by("label_source").items():
        for real, called in ((False, "failures called a success"), (True, "successes called a failure")):
            n = mine.of(truth=real)
            if n:
                out.append((f"{who}: {called}", proportion(k=mine.of(truth=real, label=not real), n=n)))
    return out


def product(log: RunLog, known: Facts) -> dict[str, Any]:
    """Everything a page says of data and cost: confusion, rejections by reason, sources of labels, costs."""
    told = tally(log.episodes, ("label_source", "reject_reason"))
    return {
        "confusion": confusion(log),
        "wrong": wrong_labels(log),
        "rejected": _commonest(told, "reject_reason"),
        "labels": _commonest(told, "label_source"),
        "hindsight": sum(int(part["instruction"].notna().sum()) for part in parts(log.episodes, ("instruction",), "episodes")),
        "costs": costs(log, known),
    }


def _commonest(told: Tally, name: str) -> list[tuple[str, int]]:
    """How many episodes have each text, the commonest first."""
    return sorted(((text, mine.total) for text, mine in told.by(name).items()), key=lambda item: (-item[1], item[0]))
