"""What the page says of one run, as plain figures and drawings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from twin.judge import facts, words
from twin.judge.accounting import LOOKS, STATES
from twin.judge.backlog import Backlog, backlog
from twin.judge.checks import CheckResult
from twin.judge.columns import US
from twin.judge.coverage import coverage
from twin.judge.dependability import FEW, dependability
from twin.judge.economics import product
from twin.judge.facts import Facts
from twin.judge.learning import by_version, shared
from twin.judge.report import charts, plots, timeline
from twin.judge.report.evidence import Evidence
from twin.judge.report.pools import Run
from twin.judge.verdict import verdict
from twin.log.tables import RunLog

MANY = 40
"""Rows of cells or receipts up to which each is shown by itself."""

SAYS = {
    "pass": "What was promised holds.",
    "fail": "What was promised did not hold.",
    "void": "This run cannot be judged: it is neither a pass nor a failure.",
    "undecided": "There is too little evidence for a verdict.",
}


def judged(log: RunLog) -> dict[str, Any]:
    """The stored verdict with its reasons, and whether it still follows from the tables."""
    results = [CheckResult.from_dict(c) for c in log.meta.get("checks") or []]
    again = verdict(log, results)
    word = str(log.meta.get("verdict") or again.word)
    note = "" if word == again.word else f"run.json says “{word}”, but its tables say “{again.word}”: one of them was edited."
    says = again.reasons[0].capitalize() + "." if word == again.word == "pass" else SAYS.get(word, "")
    return {"verdict": word, "reasons": again.reasons, "checks": results, "says": says, "verdict_note": note}


def context(run: Run, *, budget: int = timeline.BUDGET) -> dict[str, Any]:
    """Everything that is said of a run. `budget`: bars that its timeline may draw."""
    log, known = run.log, run.known
    groups = _groups(log, known)
    looks = charts.by_look(known.books)
    return {
        "p": run.prefix,
        "name": run.name,
        "folder": log.folder.name,
        "meta": log.meta,
        "story": facts.story(known),
        **run.judged,
        **_evidence(log, run.judged["checks"]),
        "tiles": facts.tiles(known),
        "looks": {look: LOOKS[look] for look in LOOKS if look in looks},
        "timeline": Markup(timeline.timeline(known.books, known.models, budget)),
        "roomy": len(known.books.cells) <= timeline.ROOMY,
        "column_s": timeline.column_s(known.books, budget),
        "mix": Markup(charts.mix(known.books, groups)),
        "states": list(STATES.values()),
        "hours_by": facts.by_state_rows(known.books, groups),
        "yields": facts.yields(known, groups),
        "cells": facts.cell_rows(log, known),
        "human_h": known.human_h,
        "known": known,
        "lost": Markup(_lost(known)),
        "success": Markup(_success(known, run.judged["checks"])) if known.success.value is not None else None,
        "hidden_cells": max(0, len(known.books.cells) - MANY),
        **_product(log, known),
        **_trouble(log, known),
        "dependable": dependability(log, known.books, groups),
        "few": FEW,
        "reproduce": _reproduce(log),
    }


def _evidence(log: RunLog, checks: Sequence[CheckResult]) -> dict[str, Any]:
    found = Evidence(log, checks)
    events = found.events()
    episodes = found.episodes()
    return {
        "proof": [found.links(check) for check in checks],
        "events": events,
        "episodes": episodes,
        "all_episodes": len(episodes) == len(log.episodes),
        "total_episodes": len(log.episodes),
    }


def _product(log: RunLog, known: Facts) -> dict[str, Any]:
    """Data and cost, with the curve of cost over the size of the fleet."""
    told = product(log, known) | {"coverage": coverage(log), "backlog": backlog(log)}
    told["disks"] = Markup(_disks(told["backlog"])) if told["backlog"] else None
    seen, held = told["coverage"], told["costs"]
    covered = None
    if seen is not None:
        line = plots.Curve("goal cells covered", seen.curve)
        alt = "Goal cells covered against robot-hours"
        covered = Markup(plots.curves([line], x_axis="robot-hours", y_axis=line.name, alt=alt))
    told["covered"] = covered
    told["mistakes"] = Markup(_mistakes(told["wrong"])) if told["wrong"] else None
    told["spoilt"] = Markup(_spoilt(told["rejected"], len(log.episodes))) if told["rejected"] else None
    versions = [plots.Curve(f"site {site}", points) for site, points in by_version(log).items()]
    alt = "Success of each version of the policy, by site"
    told["shared"] = shared(log)
    told["learnt"] = (
        Markup(plots.curves(versions, x_axis="days", y_axis="share labelled a success", alt=alt)) if versions else None
    )
    if held is None:
        return {"product": told, "amortisation": None}
    line = plots.Curve(f"{held.currency} a usable episode", held.curve())
    alt = "Cost of a usable episode against the number of cells"
    return {"product": told, "amortisation": Markup(plots.curves([line], x_axis="cells", y_axis=line.name, alt=alt))}


def _disks(sites: Sequence[Backlog]) -> str:
    """What waits for its upload, site by site, against what their disks hold."""
    lines = [plots.Curve(f"site {each.site}", each.curve) for each in sites]
    limit = plots.Curve("disk limit", [(0.0, 100.0), (max(each.curve[-1][0] for each in sites), 100.0)])
    alt = "Upload backlog over time, by site: " + "; ".join(f"{each.site} at most {words.pct(each.peak)}" for each in sites)
    return plots.curves([*lines, limit], x_axis="hours", y_axis="waiting for upload, % of all disks", alt=alt)


def _mistakes(wrong: Sequence[tuple[str, Any]]) -> str:
    """How often labels are wrong."""
    rows = [_dot(name, interval, 2) for name, interval in wrong]
    alt = "Wrong labels with 95 % intervals: " + "; ".join(f"{r.name} {r.words}" for r in rows)
    return charts.forest(rows, alt=alt, left=300)


def _spoilt(rejected: Sequence[tuple[str, int]], total: int) -> str:
    """Episodes that cannot be used, by reason."""
    bars = [
        charts.Bar(name.replace("_", " "), float(n), "broken", f"{words.count(n)}  ·  {words.pct(n / total)} of episodes")
        for name, n in rejected
    ]
    return charts.bar_chart(bars, alt="Episodes that cannot be used: " + "; ".join(f"{b.name} {b.words}" for b in bars))


def _groups(log: RunLog, known: Facts) -> dict[str, list[str]]:
    """The whole farm, then each robot model where there are several, then each site where there are several."""
    names = list(known.books.cells)
    groups = {"whole farm": names}
    models = sorted({m for m in known.models.values() if m})
    if len(models) > 1:
        groups |= {m: [c for c in names if known.models[c] == m] for m in models}
    sites = {str(c["name"]): str(c.get("site") or "") for c in log.meta.get("cells") or []}
    kinds = sorted({s for s in sites.values() if s})
    by_site = {f"site {s}": [c for c in names if sites[c] == s] for s in kinds}
    if len(kinds) > 1:
        groups |= {name: members for name, members in by_site.items() if members not in groups.values()}
    return groups


def _lost(known: Facts) -> str:
    books = known.books
    bars = []
    for cause, us in books.lost_us().items():
        share = us / books.total_us if books.total_us else None
        look = cause if cause in STATES else "open"
        said = f"{words.hours(us)}  ·  {words.pct(share)} of robot-hours"
        bars.append(charts.Bar(facts.cause_words(cause), float(us), look, said))
    alt = "Lost hours by cause: " + "; ".join(f"{b.name} {b.words}" for b in bars)
    return charts.bar_chart(bars, alt=alt) if bars else ""


def _success(known: Facts, checks: Sequence[CheckResult]) -> str:
    """Success of all, of each model, and of the cells; of many cells those where it is lowest."""
    rows = [_dot("all", known.success, 0)]
    if len(known.by_model) > 1:
        rows += [_dot(m, i, 1) for m, i in known.by_model.items()]
    cells = [(name, interval) for name, interval in known.by_cell.items() if interval.n]
    if len(cells) > MANY:
        cells = sorted(cells, key=lambda item: (item[1].value or 0.0, item[0]))[:MANY]
    rows += [_dot(name, interval, 2) for name, interval in cells]
    bounds = [check.bound for check in checks if check.name.startswith("success_rate")]
    found = [match for bound in bounds for match in re.finditer(r"[≥≤] ([\d.]+) %", bound)]
    marks = [(float(match[1]) / 100, match[0]) for match in found]
    alt = "Success as labelled with 95 % intervals: " + "; ".join(f"{r.name} {r.words}" for r in rows)
    return charts.forest(rows, alt=alt, marks=marks)


def _dot(name: str, interval: Any, level: int) -> charts.Dot:
    told = f"{words.pct(interval.value)}   {words.between(interval, '%')}   n {words.count(interval.n)}"
    return charts.Dot(name, interval, told, level)


def _trouble(log: RunLog, known: Facts) -> dict[str, Any]:
    rows = facts.receipts(log)
    symptoms = facts.symptoms(log)
    for row in symptoms:
        row["name"] = words.SYMPTOM_WORDS.get(row["name"], row["name"])
    pending = sorted((str(p) for p in log.meta.get("pending") or []), key=lambda p: p.startswith("job "))
    return {
        "receipts": rows[:200] if len(rows) > MANY else rows,
        "receipts_total": len(rows),
        "receipt_groups": facts.receipt_groups(rows),
        "many_receipts": len(rows) > MANY,
        "pending": pending[:25],
        "pending_more": max(0, len(pending) - 25),
        "symptoms": symptoms,
        "trouble": facts.trouble(log),
        "robot_h": known.books.total_us / US / 3600,
    }


def _reproduce(log: RunLog) -> dict[str, Any]:
    meta: Mapping[str, Any] = log.meta
    keys = ("scenario", "seed", "tier", "engine", "sha256", "hash")
    names = {"sha256": "scenario digest", "hash": "hash of the run"}
    versions = dict(meta.get("versions") or {})
    return {
        "command": str(meta.get("reproduce") or ""),
        "replay": f"twin replay runs/{log.folder.name}",
        "rows": [(names.get(k, k), words.plain(meta.get(k))) for k in keys],
        "versions": sorted((str(k), words.plain(v)) for k, v in versions.items()),
        "digests": sorted((str(k), str(v)) for part in ("code", "assets") for k, v in dict(meta.get(part) or {}).items()),
        "cpu": words.plain(_joined(meta.get("cpu_features"))),
    }


def _joined(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
