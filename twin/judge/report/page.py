"""The page: facts and figures put in order, from the verdict to the evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from twin.core.errors import StorageError
from twin.judge import facts, words
from twin.judge.accounting import STATES
from twin.judge.checks import CheckResult
from twin.judge.columns import US
from twin.judge.facts import Facts
from twin.judge.report import charts, published, timeline, versus
from twin.judge.report.versus import Comparison
from twin.judge.stats import Interval
from twin.judge.verdict import verdict
from twin.log.tables import RunLog

HERE = Path(__file__).parent
MANY = 40
"""Rows of cells or receipts up to which each is shown by itself."""

SAYS = {
    "pass": "What was promised holds.",
    "fail": "What was promised did not hold.",
    "void": "This run cannot be judged: it is neither a pass nor a failure.",
    "undecided": "There is too little evidence for a verdict.",
}


def render(log: RunLog, real: Sequence[pd.DataFrame], out: Path, *, cited: Sequence[Path | str] = ()) -> Path:
    """Write the report of a run as one HTML file and return its path. Equal input gives equal bytes."""
    html = build(log, real, cited=cited)
    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(html, encoding="utf-8", newline="\n")
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"{path}: the report cannot be written ({error.strerror})") from None
    return path


def build(log: RunLog, real: Sequence[pd.DataFrame], *, cited: Sequence[Path | str] = ()) -> str:
    """The report as text."""
    env = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda v: words.NONE if v is None else v,
    )  # fmt: skip
    env.filters |= {
        "pct": words.pct,
        "num": words.num,
        "count": words.count,
        "hours": words.hours,
        "unit": words.unit,
        "found": words.found,
    }
    env.globals |= {"between": words.between, "several": words.several, "plain": words.plain}
    return env.get_template("page.html.j2").render(context(log, real, cited=cited)) + "\n"


def context(log: RunLog, real: Sequence[pd.DataFrame], *, cited: Sequence[Path | str] = ()) -> dict[str, Any]:
    """Everything the page says."""
    known = facts.gather(log)
    groups = _groups(log, known)
    looks = charts.by_look(known.books)
    return {
        "css": Markup((HERE / "style.css").read_text(encoding="utf-8")),
        "meta": log.meta,
        "title": str(log.meta.get("scenario") or log.folder.name),
        "story": facts.story(known),
        **_judged(log),
        "tiles": facts.tiles(known),
        "looks": {look: timeline.LOOKS[look] for look in timeline.LOOKS if look in looks},
        "all_looks": timeline.LOOKS,
        "timeline": Markup(timeline.timeline(known.books, known.models)),
        "roomy": len(known.books.cells) <= timeline.ROOMY,
        "column_s": timeline.column_s(known.books),
        "mix": Markup(charts.mix(known.books, groups)),
        "states": list(STATES.values()),
        "hours_by": facts.by_state_rows(known.books, _detailed(known, groups)),
        "yields": facts.yields(known, groups),
        "human_h": known.human_h,
        "known": known,
        "lost": Markup(_lost(known)),
        "success": Markup(_success(known, log)) if known.success.value is not None else None,
        "hidden_cells": max(0, len(known.books.cells) - MANY),
        **_trouble(log, known),
        "versus": [_shown(c) for c in _comparisons(log, real, cited)],
        "reproduce": _reproduce(log),
    }


def _judged(log: RunLog) -> dict[str, Any]:
    """The stored verdict with its reasons, and whether it still follows from the tables."""
    results = [CheckResult.from_dict(c) for c in log.meta.get("checks") or []]
    again = verdict(log, results)
    word = str(log.meta.get("verdict") or again.word)
    note = "" if word == again.word else f"run.json says “{word}”, but its tables say “{again.word}”: one of them was edited."
    says = again.reasons[0].capitalize() + "." if word == again.word == "pass" else SAYS.get(word, "")
    return {"verdict": word, "reasons": again.reasons, "checks": results, "says": says, "verdict_note": note}


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


def _detailed(known: Facts, groups: Mapping[str, list[str]]) -> dict[str, list[str]]:
    cells = {c: [c] for c in known.books.cells} if len(known.books.cells) <= MANY else {}
    return {**groups, **cells}


def _lost(known: Facts) -> str:
    books = known.books
    bars = []
    for cause, us in books.lost_us().items():
        share = us / books.total_us if books.total_us else None
        look = cause if cause in STATES else "open"
        bars.append(
            charts.Bar(facts.cause_words(cause), float(us), look, f"{words.hours(us)}  ·  {words.pct(share)} of robot-hours")
        )
    alt = "Lost hours by cause: " + "; ".join(f"{b.name} {b.words}" for b in bars)
    return charts.bar_chart(bars, alt=alt) if bars else ""


def _success(known: Facts, log: RunLog) -> str:
    rows = [_dot("all", known.success, 0)]
    if len(known.by_model) > 1:
        rows += [_dot(m, i, 1) for m, i in known.by_model.items()]
    rows += [_dot(c, i, 2) for c, i in list(known.by_cell.items())[:MANY] if i.n]
    bounds = [
        str(c.get("bound", "")) for c in log.meta.get("checks") or [] if str(c.get("name", "")).startswith("success_rate")
    ]
    marks = [(float(part.split()[1]) / 100, part) for bound in bounds for part in bound.split(" and ") if part.endswith("%")]
    alt = "Success as labelled with 95 % intervals: " + "; ".join(f"{r.name} {r.words}" for r in rows)
    return charts.forest(rows, alt=alt, marks=marks)


def _dot(name: str, interval: Interval, level: int) -> charts.Dot:
    told = f"{words.pct(interval.value)}   {words.between(interval, '%')}   n {words.count(interval.n)}"
    return charts.Dot(name, interval, told, level)


def _trouble(log: RunLog, known: Facts) -> dict[str, Any]:
    rows = facts.receipts(log)
    symptoms = facts.symptoms(log)
    for row in symptoms:
        row["name"] = words.SYMPTOM_WORDS.get(row["name"], row["name"])
    robot_h = known.books.total_us / US / 3600
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
        "robot_h": robot_h,
    }


def _comparisons(log: RunLog, real: Sequence[pd.DataFrame], cited: Sequence[Path | str]) -> list[Comparison]:
    tables = [versus.compare(log.episodes, table, i) for i, table in enumerate(real)]
    return tables + [published.compare_published(log.episodes, published.load(p)) for p in cited]


def _shown(told: Comparison) -> dict[str, Any]:
    """A comparison with its figures drawn."""
    rows = [
        {"row": r, "figure": Markup(charts.pair(r.sim or _NONE, r.real or _NONE, r.unit)), "word": _WORDS[r.differs]}
        for r in told.rows
    ]
    a, b = told.sim.durations, told.real.durations
    figures = []
    if a.size and b.size:
        everything = np.concatenate([a, b])
        high = float(min(everything.max(), 3 * np.quantile(everything, 0.9)))
        draw = {"axis": "cycle duration, s", "high": high}
        figures = [Markup(charts.ecdf(a, b, **draw)), Markup(charts.histogram(a, b, **draw))]  # type: ignore[arg-type]
        beyond = int((a > high).sum()), int((b > high).sum())
        if any(beyond):
            told = replace(told, notes=(*told.notes, _beyond(beyond, high)))
    return {"told": told, "rows": rows, "figures": figures}


_NONE = Interval(None, None, None, 0)
_WORDS = {True: "differ", False: "not told apart", None: "cannot be said"}


def _beyond(beyond: tuple[int, int], high: float) -> str:
    sim, real = beyond
    return f"The figures end at {words.unit(high, 's')}; beyond lie {sim} simulated and {words.several(real, 'real episode')}."


def _reproduce(log: RunLog) -> dict[str, Any]:
    meta = log.meta
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
