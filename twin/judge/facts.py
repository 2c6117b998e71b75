"""What a report says of a run, as plain figures: headline, groups, receipts, symptoms, and the story they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.core.chance import Chance
from twin.core.records import RECEIPT_STATUS
from twin.judge.accounting import STATES, Accounts, account
from twin.judge.columns import US, cells, column
from twin.judge.stats import NOTHING, Interval, proportion, ratio
from twin.judge.tally import Tally, tally
from twin.judge.words import NB, between, count, hours, listed, num, pct, several, span, unit
from twin.log.tables import RunLog

CAUSES: Mapping[str, str] = {
    "broken": "broken, in repair or self-test",
    "attended": "a person at work on the cell",
    "waiting": "waiting for a person",
    "out_of_service": "out of service for good",
    "stopped": "held in a protective stop",
    "reset": "automatic resets",
    "resting": "resting and maintenance",
    "idle": "idle: no work",
}
"""Why hours were lost, by state of the cell."""


REJECTIONS: Mapping[str, str] = {
    "void": "episodes voided by the physics",
    "crash": "episodes lost to a breakage",
    "link": "episodes lost to the link",
}
"""The same for episodes whose data were rejected, by reason."""


@dataclass(frozen=True)
class Facts:
    """Everything countable of a run that the page shows more than once."""

    books: Accounts
    models: dict[str, str]
    episodes: int
    voided: int
    censored: int
    success: Interval
    usable: int | None
    usable_per_robot_h: Interval
    usable_per_human_h: float | None
    human_h: float
    by_model: dict[str, Interval]
    usable_by_cell: dict[str, int] | None
    by_cell: dict[str, Interval]
    detector: str | None

    @property
    def utilisation(self) -> float | None:
        """Share of robot-hours in episodes."""
        return self.books.by_state()["episode"] / self.books.total_us if self.books.total_us else None


def gather(log: RunLog) -> Facts:
    """The facts of a run."""
    books, ran = account(log), tally(log.episodes, READ)
    counts = ran.without(end_reason="void")
    there = counts.by("cell")
    where = {name: there.get(name, Tally(READ, {})) for name in books.cells}
    known = counts.without(usable=None).total > 0
    total = counts.of(usable=True) if known else None
    good = {name: mine.of(usable=True) for name, mine in where.items()} if known else None
    human_h = books.person_us / US / 3600
    return Facts(
        books=books,
        models={str(c["name"]): str(c.get("robot_model") or "") for c in cells(log)},
        episodes=counts.total,
        voided=ran.total - counts.total,
        censored=counts.of(censored=True),
        success=_share(counts),
        usable=total,
        usable_per_robot_h=per_robot_hour(books, good, books.cells),
        usable_per_human_h=total / human_h if total is not None and human_h > 0 else None,
        human_h=human_h,
        by_model={name: _share(mine) for name, mine in counts.by("robot_model").items()},
        usable_by_cell=good,
        by_cell={name: _share(mine) for name, mine in where.items()},
        detector=_detector(counts),
    )


READ = ("cell", "robot_model", "end_reason", "label", "truth", "usable", "censored")
"""What is counted of episodes."""


def _share(mine: Tally) -> Interval:
    return proportion(k=mine.of(label=True), n=mine.without(label=None).total)


def per_robot_hour(books: Accounts, tally: Mapping[str, int] | None, members: Sequence[str]) -> Interval:
    """Usable episodes per robot-hour; the interval is over cells, for episodes of one cell share its troubles."""
    if tally is None:
        return NOTHING
    exposure = np.full(len(members), books.duration_us / US / 3600)
    stream = Chance(0).stream("judge", "usable_per_robot_h")
    return ratio(np.array([tally[c] for c in members], float), exposure, stream=stream)


def yields(facts: Facts, groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """What each group of cells produced: robot-hours, share in episodes, usable episodes, and those per robot-hour."""
    out = []
    for name, members in groups.items():
        states, total = facts.books.by_state(members), len(members) * facts.books.duration_us
        usable = None if facts.usable_by_cell is None else sum(facts.usable_by_cell[c] for c in members)
        per_hour = per_robot_hour(facts.books, facts.usable_by_cell, members)
        used = states["episode"] / total if total else None
        out.append({"name": name, "cells": len(members), "us": total, "used": used, "usable": usable, "per_hour": per_hour})
    return out


def _detector(counts: Tally) -> str | None:
    """How often the label was wrong, where physics can tell."""
    both = counts.without(label=None).without(truth=None).total
    if not both:
        return None
    false, missed = counts.of(truth=False, label=True), counts.of(truth=True, label=False)
    sorts = f"{several(false, 'false success', 'false successes')}, {several(missed, 'false failure')}"
    return (
        "The labels are the success detector’s: all that a farm knows. Ground truth, known only in simulation, "
        f"says that it was wrong in {count(false + missed)} of {several(both, 'episode')}: {sorts}."
    )


def tiles(facts: Facts) -> list[dict[str, str]]:
    """The headline: a figure, what it is, and what stands behind it."""
    lost, total = sum(facts.books.lost_us().values()), facts.books.total_us
    robot_h, rows = facts.usable_per_robot_h, [
        (count(facts.episodes), "episodes", "; ".join(_plainly(facts)) or "none cut off, none voided"),
        (pct(facts.success.value), "success, as labelled", f"{between(facts.success, '%')}, n{NB}{count(facts.success.n)}"),
    ]  # fmt: skip
    over_cells = f"{between(robot_h, '')} by bootstrap over cells" if robot_h.low is not None else "no interval from one cell"
    per_human = f"people spent {unit(facts.human_h, 'h')} on cells" if facts.human_h else "no person was at work"
    rows += [
        (num(robot_h.value), "usable episodes per robot-hour", over_cells),
        (num(facts.usable_per_human_h), "usable episodes per human-hour", per_human),
        (pct(facts.utilisation), "utilisation", "of robot-hours were spent in episodes"),
        (hours(lost), "lost", f"of {hours(total)} on {several(len(facts.books.cells), 'robot')}"),
    ]
    return [{"value": value, "name": name, "more": more} for value, name, more in rows]


def _plainly(facts: Facts) -> list[str]:
    out = [f"{count(facts.censored)} cut off by the end"] if facts.censored else []
    return out + ([f"{count(facts.voided)} voided by the physics"] if facts.voided else [])


def story(facts: Facts) -> str:
    """The run in three sentences."""
    books = facts.books
    models = sorted({m for m in facts.models.values() if m})
    robots = several(len(books.cells), "robot") + (f" ({listed(models)})" if models else "")
    first = f"{robots} worked for {span(books.duration_us / US)} of simulated time."
    if not facts.episodes:
        return f"{first} No episode ran."
    share = f", of which {pct(facts.success.value, 0)} were labelled a success" if facts.success.value is not None else ""
    second = f" {'They' if len(books.cells) > 1 else 'It'} ran {several(facts.episodes, 'episode')}{share}."
    lost = books.lost_us()
    if not lost:
        return first + second + " No hour was lost."
    cause, us = next(iter(lost.items()))
    third = f" Of {hours(books.total_us)} on robots, {hours(sum(lost.values()))} were lost"
    return f"{first}{second}{third}; the largest cause: {cause_words(cause)} ({hours(us)})."


def cause_words(cause: str) -> str:
    """A cause of lost hours in words."""
    why = cause.removeprefix("rejected: ")
    return CAUSES.get(cause, cause if why == cause else REJECTIONS.get(why, f"episodes rejected: {why}"))


def symptoms(log: RunLog) -> list[dict[str, Any]]:
    """Episodes with each symptom, and the share of them."""
    told = tally(log.episodes, ("end_reason", "symptoms")).without(end_reason="void").without(symptoms=None)
    found: dict[str, int] = {}
    for (_, names), k in told.counts.items():
        for name in names:
            found[name] = found.get(name, 0) + k
    return [{"name": name, "share": proportion(k=k, n=told.total), "k": k} for name, k in sorted(found.items())]


TROUBLE: Mapping[str, str] = {
    "stop.protective": "protective stops",
    "symptom.grip_loss": "grip losses",
    "symptom.object_lost": "objects lost",
    "reset.failed": "reset attempts that failed",
    "reset.stuck": "cells stuck until a person came",
    "reset.abandoned": "cells abandoned",
    "page.sent": "calls to people",
    "page.expired": "calls that nobody finished in time",
    "repair.start": "robots broken",
    "link.timeout": "link time-outs",
    "job.returned": "jobs returned to the queue",
    "job.failed": "jobs given up",
    "filter.acted": "episodes in which a safety filter acted",
    "filter.breach": "breaches of a safety limit",
    "episode.void": "episodes voided by the physics",
    "data.rejected": "episodes whose data were rejected",
}
"""Events that tell of trouble, in the words of the report."""


def trouble(log: RunLog) -> list[dict[str, Any]]:
    """How often each kind of trouble happened; kinds that never did are left out."""
    found = kinds(log)
    return [{"kind": k, "name": name, "n": found[k]} for k, name in TROUBLE.items() if found.get(k)]


def kinds(log: RunLog) -> dict[str, int]:
    """How many events of each kind there are."""
    return {kind: found.total for kind, found in tally(log.events, ("kind",), table="events").by("kind").items()}


def receipts(log: RunLog) -> list[dict[str, Any]]:
    """The receipts as rows."""
    names = (
        "fault",
        "component",
        "mode",
        "target",
        "onset_s",
        "cleared_s",
        "status",
        "effect",
        "unit",
        "exposed_s",
        "must_act",
        "note",
    )
    columns = [column(log.receipts, name, table="receipts") for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def receipt_groups(papers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Receipts of one fault of the plan taken together: how many of each status, and the middle effect of those that acted."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in papers:
        # Wear is one law for all robots: wear/U3-01, wear/U3-02, …
        name = str(row["fault"]).split("/")[0]
        groups.setdefault((name, str(row["component"]), str(row["mode"])), []).append(row)
    out = []
    for (fault, component, mode), members in groups.items():
        effects = [float(r["effect"]) for r in members if r["status"] == "acted" and r["effect"] is not None]
        out.append(
            {
                "fault": fault, "what": f"{component} {mode}", "n": len(members),
                "targets": len({r["target"] for r in members}), "must_act": any(r["must_act"] for r in members),
                "statuses": {s: k for s in RECEIPT_STATUS[::-1] if (k := sum(r["status"] == s for r in members))},
                "effect": float(np.median(effects)) if effects else None, "low": min(effects, default=None),
                "high": max(effects, default=None), "unit": next((r["unit"] for r in members if r["unit"]), None) or "",
            }
        )  # fmt: skip
    return out


def by_state_rows(books: Accounts, groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """µs in each state for each group of cells, with the sum that must equal cells × duration."""
    out = []
    for name, members in groups.items():
        states = books.by_state(members)
        out.append({"name": name, "states": [states[s] for s in STATES], "total": sum(states.values())})
    return out


def cell_rows(log: RunLog, facts: Facts) -> list[dict[str, Any]]:
    """Each cell by itself: where and what it is, what it produced, and what it lost by which cause."""
    sites = {str(c["name"]): c.get("site") for c in cells(log)}
    states = facts.books.by_cell()
    out = []
    for name in facts.books.cells:
        lost = facts.books.lost_us(name)
        out.append(
            {
                "name": name, "model": facts.models.get(name) or None, "site": sites.get(name), "success": facts.by_cell[name],
                "usable": None if facts.usable_by_cell is None else facts.usable_by_cell[name],
                "used": states[name]["episode"] / facts.books.duration_us if facts.books.duration_us else None,
                "lost": sum(lost.values()), "cause": cause_words(next(iter(lost))) if lost else None,
            }
        )  # fmt: skip
    return out
