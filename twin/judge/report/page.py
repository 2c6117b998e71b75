"""The page: what is said of one run or of several, put in order, from the verdict to the evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from twin.core.errors import InputError, StorageError
from twin.judge import facts, words
from twin.judge.accounting import LOOKS
from twin.judge.report import beside, one, pools, timeline
from twin.judge.report.pools import Pool, Run
from twin.judge.trajectories import Played
from twin.log.tables import RunLog

HERE = Path(__file__).parent


def render(
    logs: Sequence[RunLog],
    real: Sequence[pd.DataFrame],
    out: Path,
    *,
    cited: Sequence[Path | str] = (),
    margins: Mapping[str, float] | None = None,
    played: Sequence[Played] = (),
) -> Path:
    """Write the report of some runs as one HTML file and return its path. Equal input gives equal bytes."""
    html = build(logs, real, cited=cited, margins=margins, played=played)
    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(html, encoding="utf-8", newline="\n")
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"{path}: the report cannot be written ({error.strerror})") from None
    return path


def build(
    logs: RunLog | Sequence[RunLog],
    real: Sequence[pd.DataFrame],
    *,
    cited: Sequence[Path | str] = (),
    margins: Mapping[str, float] | None = None,
    played: Sequence[Played] = (),
) -> str:
    """The report as text."""
    env = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda v: words.NONE if v is None else v,
    )  # fmt: skip
    names = ("pct", "num", "count", "hours", "unit", "found", "span")
    env.filters |= {name: getattr(words, name) for name in names}
    env.globals |= {name: getattr(words, name) for name in ("between", "several", "plain", "points", "listed")}
    given = [logs] if isinstance(logs, RunLog) else list(logs)
    return env.get_template("page.html.j2").render(context(given, real, cited, margins, played)) + "\n"


def context(
    logs: Sequence[RunLog],
    real: Sequence[pd.DataFrame],
    cited: Sequence[Path | str],
    margins: Mapping[str, float] | None,
    played: Sequence[Played],
) -> dict[str, Any]:
    """Everything the page says."""
    if not logs:
        raise InputError("a report needs at least one run")
    several = len(logs) > 1
    runs = [Run(log, facts.gather(log), one.judged(log), f"r{i}-" if several else "") for i, log in enumerate(logs, start=1)]
    groups = pools.pooled(runs)
    runs = [run for pool in groups for run in pool.runs]
    told = pools.in_full(runs)
    found = [*beside.gather(groups, real, cited, margins), *beside.other_engines(groups, played)]
    budget = timeline.BUDGET // len(told)
    return {
        "css": Markup((HERE / "style.css").read_text(encoding="utf-8")),
        "script": Markup((HERE / "page.js").read_text(encoding="utf-8")),
        "alone": not several,
        "title": _title(groups),
        "verdict": next(iter(pools.tally(runs))),
        "all_looks": LOOKS,
        "runs": [one.context(run, budget=budget) for run in told],
        "overview": _overview(runs, told, groups) if several else None,
        "trust": beside.trust(found, len(groups) > 1),
        "beside": beside.shown(found),
        "tiers": words.listed(dict.fromkeys(words.plain(log.meta.get("tier")) for log in logs)),
    }


def _title(groups: Sequence[Pool]) -> str:
    names = words.listed(pool.name for pool in groups[:3])
    return names if len(groups) <= 3 else f"{names} and {words.several(len(groups) - 3, 'other')}"


def _overview(runs: Sequence[Run], told: Sequence[Run], groups: Sequence[Pool]) -> dict[str, Any]:
    return {
        "rows": pools.overview(runs, told),
        "tally": pools.tally(runs),
        "pools": [pools.together(pool) for pool in groups if len(pool.runs) > 1],
        "hidden": len(runs) - len(told),
        "scenarios": len(groups),
    }
