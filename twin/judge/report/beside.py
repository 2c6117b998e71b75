"""Beside real robots: each scenario against each real table and each set of published figures, judged by equivalence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from twin.core.errors import TableError
from twin.judge import words
from twin.judge.columns import column
from twin.judge.compare import Comparison, Group, Row, by_pairs, compare, margins_of
from twin.judge.engines import SPELT, tell
from twin.judge.report import curves, plots, published
from twin.judge.report.pools import Pool, scenario_of
from twin.judge.stats import NOTHING
from twin.judge.trajectories import Apart, Played
from twin.judge.words import NB

OTHER = "model uncertainty"
"""The kind of a comparison between engines."""
VERDICTS: Mapping[str, str] = {"agrees": "k-ok", "differs": "k-bad", "cannot_tell": "k-und"}
"""The looks of the verdicts."""


@dataclass(frozen=True)
class Beside:
    """A scenario beside one real table, one published set, or itself on another engine. `told` is None where nothing could be
    compared: `why`. `sides`: what the two are called. `paths`: of two engines, how far episodes that were played on either come
    apart."""

    title: str
    kind: str
    scenario: str
    told: Comparison | None
    why: str = ""
    sides: tuple[str, str] = ("simulation", "real")
    paths: tuple[Apart, ...] = ()

    @property
    def heads(self) -> list[str]:
        """The sides as headings."""
        return [side[:1].upper() + side[1:] for side in self.sides]

    @property
    def events(self) -> list[str]:
        """The sides as headings of what happened there."""
        return [head.replace("Simulation", "Simulated") for head in self.heads]


def name_of(table: pd.DataFrame, index: int) -> str:
    """What to call a real table: its own name, its fleet or run, else its number."""
    given = table.attrs.get("name")
    if given:
        return str(given)
    for key in ("fleet", "run"):
        if key in table.columns:
            seen = sorted({str(v) for v in column(table, key, table="real") if v is not None})
            if len(seen) == 1:
                return seen[0]
    return f"real table {index + 1}"


def gather(
    pools: Sequence[Pool],
    real: Sequence[pd.DataFrame],
    cited: Sequence[Path | str],
    margins: Mapping[str, float] | None = None,
) -> list[Beside]:
    """Every scenario beside every table. `TableError` where a table fits none of the scenarios that have episodes at all."""
    out: list[Beside] = []
    margins_of(margins or {})  # a misspelt one is told, whether or not there is a table to use it on
    for index, table in enumerate(real):
        out += _each(pools, name_of(table, index), "real table", lambda sim, table=table: compare(sim, table, margins))
    for path in cited:
        figures = published.load(path)
        kind = "published figures"
        out += _each(pools, figures.title, kind, lambda sim, figures=figures: published.compare_published(sim, figures))
    return out


def _each(pools: Sequence[Pool], title: str, kind: str, judge: Any) -> list[Beside]:
    out: list[Beside] = []
    refused: list[TableError] = []
    for pool in pools:
        sim = pool.episodes
        if not any(reason != "void" for reason in column(sim, "end_reason", table="episodes")):
            out.append(Beside(title, kind, pool.name, None, "no simulated episode ran: nothing is compared"))
            continue
        try:
            out.append(Beside(title, kind, pool.name, judge(sim)))
        except TableError as error:
            refused.append(error)
            out.append(Beside(title, kind, pool.name, None, f"not compared: {error}"))
    if refused and not any(b.told for b in out):
        raise refused[0]
    return out


def other_engines(pools: Sequence[Pool], played: Sequence[Played] = ()) -> list[Beside]:
    """Runs of one scenario on two engines, side by side: the uncertainty that the model brings. `played` are
    comparisons, each for the runs that it names."""
    by_name: dict[str, list[Pool]] = {}
    for pool in pools:
        by_name.setdefault(scenario_of(pool.runs[0].log), []).append(pool)
    out = []
    for name, members in by_name.items():
        members.sort(key=lambda pool: str(pool.runs[0].log.meta.get("engine")))
        engines = [str(pool.runs[0].log.meta.get("engine")) for pool in members]
        for pool, engine in zip(members[1:], engines[1:], strict=True):
            if engine == engines[0]:
                continue
            sides = (SPELT.get(engines[0], engines[0]), SPELT.get(engine, engine))
            try:
                told, why = tell(members[0].episodes, pool.episodes, sides), ""
            except TableError as error:
                told, why = None, f"not compared: {error}"
            paths = next((one.paths for one in played if one.holds(_folders(members[0])) and one.holds(_folders(pool))), ())
            out.append(Beside(f"{name} on {sides[1]}", OTHER, f"{name} on {sides[0]}", told, why, sides, paths))
    return out


def _folders(pool: Pool) -> list[str]:
    """The names of its run folders."""
    return [run.log.folder.name for run in pool.runs]


def trust(found: Sequence[Beside], several: bool) -> list[dict[str, Any]]:
    """The one summary: what may be trusted, what not, and what is not known, comparison by comparison."""
    out = []
    for i, beside in enumerate(found, start=1):
        groups = beside.told.groups if beside.told is not None else ()
        lists: dict[str, list[dict[str, Any]]] = {verdict: [] for verdict in VERDICTS}
        lone: list[str] = []
        for group in groups:
            for row in group.rows:
                name = row.name + (f" ({group.name})" if len(groups) > 1 else "")
                if row.gap.value is None:
                    lone.append(name)
                else:
                    lists[row.verdict].append({"name": name, "more": _brief(row, beside.sides)})
        whom = f"{beside.scenario} beside {beside.title}" if several else f"beside {beside.title}"
        out.append({"at": f"real-{i}", "whom": whom, "kind": beside.kind, "lists": lists, "lone": lone, "why": beside.why})
    return out


def _simulated(sides: tuple[str, str]) -> str:
    """The first side, as what is said of a figure."""
    return "simulated" if sides[0] == "simulation" else sides[0]


def _why(row: Row) -> str:
    """What a verdict rests on, without the verdict."""
    if row.verdict == "differs":
        return f"by more than {words.short(100 * row.margin)}" + (f"{NB}%" if row.ratio else " points")
    return row.words.removeprefix(row.verdict.replace("_", " ")).removeprefix(":").strip()


def _brief(row: Row, sides: tuple[str, str]) -> str:
    """Why a statistic is where it is, in a few words."""
    if row.verdict != "differs":
        return _why(row)
    values = [words.unit((side or NOTHING).value, row.unit) for side in (row.sim, row.real)]
    return f"{values[0]} {_simulated(sides)}, {values[1]} {sides[1]}"


def shown(found: Sequence[Beside]) -> list[dict[str, Any]]:
    """Comparisons with their figures drawn."""
    return [
        {
            "at": f"real-{i}",
            "b": b,
            "real": b.kind != OTHER,
            "groups": [_group(g, b.sides) for g in b.told.groups] if b.told else [],
            "courses": Markup(_courses(b)) if b.paths else "",
        }
        for i, b in enumerate(found, start=1)
    ]


DRAWN = 4
"""Courses in one picture: so many can be told apart."""


def _courses(beside: Beside) -> str:
    """How far the thing is apart in the course of each episode that was played on both, the furthest ones."""
    told = beside.paths[:DRAWN]
    lines = [plots.Curve(path.kind, path.course) for path in told if path.course]
    y_axis = f"how far the thing on {beside.sides[0]} is from that on {beside.sides[1]}, mm"
    alt = f"{y_axis}: " + "; ".join(f"{path.kind} up to {words.num(path.most_mm)} mm at {path.worst_s:.1f} s" for path in told)
    return plots.curves(lines, x_axis="time since the episode began, s", y_axis=y_axis, alt=alt) if lines else ""


def _group(group: Group, sides: tuple[str, str]) -> dict[str, Any]:
    rows = []
    for row in group.rows:
        figure = Markup(curves.pair(row.sim or NOTHING, row.real or NOTHING, row.unit))
        word = row.verdict.replace("_", " ")
        told = {"word": word, "look": VERDICTS[row.verdict], "more": _why(row), "gap": row.apart}
        rows.append({"row": row, "unit": row.unit, "figure": figure, **told})
    drawn: dict[str, Any] = {"figures": figures(group, sides), "events": _events(group), "said": _distances(group, sides)}
    return {"group": group, "name": group.name, "rows": rows, **drawn}


def figures(group: Group, sides: tuple[str, str]) -> list[Markup]:
    """Durations and times to success of both sides, drawn."""
    return [Markup(drawn) for drawn in (_ecdf(group, sides), _shifts(group, sides), _times(group, sides)) if drawn]


def _ecdf(group: Group, names: tuple[str, str]) -> str:
    sides = [group.durations.get(side) or {} for side in ("sim", "real")]
    if not all(side.get("x") for side in sides):
        return ""
    high = min(max(s["x"][-1] for s in sides), 3 * max(_at(s, 0.9) for s in sides))
    return curves.steps(
        sides, axis="cycle duration, s", left="share that took at most so long", high=high, rising=True, names=names
    )


def _at(side: Mapping[str, Any], p: float) -> float:
    return float(next((x for x, q in zip(side["x"], side["p"], strict=True) if q >= p), side["x"][-1]))


def _shifts(group: Group, sides: tuple[str, str]) -> str:
    told = group.durations.get("shifts") or []
    return curves.shifts(told, axis=f"{_simulated(sides)} − {sides[1]}, s", left="quantile of cycle duration") if told else ""


def _times(group: Group, names: tuple[str, str]) -> str:
    sides = [group.time_to_success.get(side) or {} for side in ("sim", "real")]
    if not all(side.get("t") for side in sides):
        return ""
    drawn = [{"x": s["t"], "p": s["not_yet"], "low": s["low"], "high": s["high"]} for s in sides]
    high = max(s["t"][-1] for s in sides)
    axis = "time from the start of an attempt, s"
    return curves.steps(drawn, axis=axis, left="share not yet successful", high=high, rising=False, names=names)


def _distances(group: Group, sides: tuple[str, str]) -> list[str]:
    """The tests of whole distributions, in words."""
    out = []
    ks, distance = group.durations.get("ks"), group.durations.get("wasserstein_s")
    if ks:
        p = words.p_value(ks.get("p_adjusted") or ks["p"])
        out.append(f"Cycle durations: Kolmogorov–Smirnov gap {ks['gap']:.2f} ({p}), mean distance {words.unit(distance, 's')}")
    names = (_simulated(sides), sides[1])
    test = group.time_to_success.get("log_rank")
    if test:
        p = words.p_value(test.get("p_adjusted") or test["p"])
        medians = [words.unit((group.time_to_success[s] or {}).get("median_s"), "s") for s in ("sim", "real")]
        out.append(
            f"Time to success, failed attempts censored: median {medians[0]} {names[0]}, {medians[1]} {names[1]}; log-rank {p}"
        )
    if group.paired is not None:
        said = by_pairs(group.paired)
        out.append(said[0].upper() + said[1:])
    return out


def _events(group: Group) -> list[dict[str, Any]]:
    """What happened how often on both sides, how unevenly, and how far apart."""
    sides = {side: group.events.get(side) or {} for side in ("sim", "real")}
    out = []
    for name in dict.fromkeys([*sides["sim"], *sides["real"]]):
        row: dict[str, Any] = {"name": words.SYMPTOM_WORDS.get(name, name)}
        for side, told in sides.items():
            found = told.get(name)
            row[side] = None if found is None else {
                "n": found["count"], "per_h": found["count"] / found["hours"] if found["hours"] else None,
                "spread": (found["dispersion"] or {}).get("value"), "between": found["between"]["median_s"],
            }  # fmt: skip
        out.append(row)
    return out
