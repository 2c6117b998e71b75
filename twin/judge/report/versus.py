"""Simulation beside reality, statistic by statistic: label with label, symptom with symptom, duration with duration.

Never truth with label: what only the physics knows has no counterpart in a real log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from twin.core.errors import TableError
from twin.core.records import Bools, Floats
from twin.judge.columns import column, flags, lists, numbers
from twin.judge.stats import (
    NOTHING,
    Interval,
    difference,
    kolmogorov_smirnov,
    overlap,
    proportion,
    quantile,
    rate,
    rates_differ,
)
from twin.judge.words import NB, listed, p_value, points, several, unit

STATISTICS: Mapping[str, tuple[str, str]] = {
    "success": ("success, as labelled", "%"),
    "duration_median_s": ("cycle duration, median", "s"),
    "duration_p10_s": ("cycle duration, 10 % quantile", "s"),
    "duration_p90_s": ("cycle duration, 90 % quantile", "s"),
    "share_protective_stop": ("episodes with a protective stop", "%"),
    "share_grip_loss": ("episodes with a grip loss", "%"),
    "share_both": ("episodes with both", "%"),
    "stops_per_h": ("episodes with a protective stop, per hour of cycle time", "/h"),
}
"""What is compared: its name and unit."""

ALPHA = 0.05
SHOWN = 3
"""Differences that the sentence names; the table has them all."""


@dataclass(frozen=True)
class Sample:
    """One side of a comparison. `figures` lacks what was not recorded; `hours` the exposure of `stops_per_h`."""

    name: str
    n: int
    figures: Mapping[str, Interval]
    durations: Floats
    hours: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One statistic on both sides. `differs` None: it cannot be said."""

    key: str
    name: str
    unit: str
    sim: Interval | None
    real: Interval | None
    differs: bool | None
    detail: str


@dataclass(frozen=True)
class Comparison:
    """A simulation beside one real table or one published set of figures."""

    title: str
    kind: str
    sim: Sample
    real: Sample
    rows: tuple[Row, ...]
    sentence: str
    source: str = ""
    notes: tuple[str, ...] = field(default=())


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


def models_of(table: pd.DataFrame) -> list[str]:
    """Robot models that a table names, sorted."""
    if "robot_model" not in table.columns:
        return []
    return sorted({str(v) for v in column(table, "robot_model", table="episodes") if v is not None})


def sample(table: pd.DataFrame, name: str) -> Sample:
    """The figures of one episode table, without episodes that the physics voided.

    One that the end of the log (or a hole in it) cut off counts for its symptoms and its time, but has no duration.
    """
    table, notes = _not_void(table, name)
    duration, cut = _durations(table, name)
    known = duration[~np.isnan(duration) & ~cut]
    if known.size < len(table):
        notes.append(f"{name}: {several(len(table) - known.size, 'episode')} of {len(table)} cut off or without a duration")
    figures: dict[str, Interval] = {}
    if known.size:
        figures |= {f"duration_{q}_s": quantile(known, v) for q, v in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))}
    label = [v for v in flags(table, "label", table=name) if v is not None] if "label" in table.columns else []
    if label:
        figures["success"] = proportion(k=sum(label), n=len(label))
    hours = _symptoms(table, name, duration, figures)
    return Sample(name, len(table), figures, known, hours, tuple(notes))


def _not_void(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    if "end_reason" not in table.columns:
        return table, []
    good = np.array([reason != "void" for reason in column(table, "end_reason", table=name)], dtype=bool)
    notes = [] if good.all() else [f"{name}: {several(int((~good).sum()), 'episode')} voided by the physics, left out"]
    return table[good], notes


def _durations(table: pd.DataFrame, name: str) -> tuple[Floats, Bools]:
    """Durations in s with NaN where unknown, and whether each is only a lower bound."""
    duration = numbers(table, "duration_s", table=name) if "duration_s" in table.columns else np.full(len(table), np.nan)
    if (duration < 0).any():
        raise TableError(f"{name}: column 'duration_s', row {int(np.flatnonzero(duration < 0)[0])}: a negative duration")
    told = column(table, "censored", table=name) if "censored" in table.columns else [False] * len(table)
    return duration, np.array([c is True for c in told], dtype=bool)


def _symptoms(table: pd.DataFrame, name: str, duration: Floats, figures: dict[str, Interval]) -> float:
    """Add the shares of symptoms to `figures`; returns the hours that stops are counted over."""
    if "symptoms" not in table.columns:
        return 0.0
    told = lists(table, "symptoms", table=name)
    seen = [(set(s), d) for s, d in zip(told, duration.tolist(), strict=True) if s is not None]
    if not seen:
        return 0.0
    wanted = {"share_protective_stop": {"protective_stop"}, "share_grip_loss": {"grip_loss"}}
    wanted["share_both"] = {"protective_stop", "grip_loss"}
    for key, needed in wanted.items():
        figures[key] = proportion(k=sum(needed <= s for s, _ in seen), n=len(seen))
    timed = [(s, d) for s, d in seen if not np.isnan(d)]
    hours = float(sum(d for _, d in timed)) / 3600
    if hours > 0:
        figures["stops_per_h"] = rate(count=sum("protective_stop" in s for s, _ in timed), exposure=hours)
    return hours


def compare(sim: pd.DataFrame, real: pd.DataFrame, index: int = 0) -> Comparison:
    """A simulated episode table beside a real one. Where the real one is of one robot model, so is the simulated one."""
    title = name_of(real, index)
    sim, notes = same_model(sim, models_of(real))
    a, b = sample(sim, "simulation"), sample(real, title)
    told = rows(a, b)
    gap = kolmogorov_smirnov(sim=a.durations, real=b.durations)
    if gap is not None:
        word = "differ" if gap.p < ALPHA else "were not told apart"
        notes.append(f"The distributions of duration {word}: Kolmogorov–Smirnov gap {gap.gap:.2f}, {p_value(gap.p)}.")
    return Comparison(title, "real table", a, b, told, sentence(told, title), "", (*notes, *a.notes, *b.notes))


def same_model(sim: pd.DataFrame, models: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Simulated rows of the real robot's model, and what was done."""
    own = models_of(sim)
    if len(models) != 1 or not own:
        return sim, []
    if models[0] not in own:
        return sim, [f"The real robot is a {models[0]}, the simulated ones are {listed(own)}: read differences with care."]
    if own == list(models):
        return sim, []
    own_rows = [m == models[0] for m in column(sim, "robot_model", table="episodes")]
    return sim[np.array(own_rows)], [f"Only the simulated {models[0]} cells are compared, for the real robot is a {models[0]}."]


def rows(sim: Sample, real: Sample) -> tuple[Row, ...]:
    """Every statistic that at least one side recorded, with a word on whether the sides differ."""
    out = []
    for key, (name, unit_) in STATISTICS.items():
        a, b = sim.figures.get(key), real.figures.get(key)
        if a is None and b is None:
            continue
        differs, detail = (None, "recorded on one side only") if a is None or b is None else _judge(key, unit_, a, b, sim, real)
        out.append(Row(key, name, unit_, a, b, differs, detail))
    return tuple(out)


def _judge(key: str, unit_: str, a: Interval, b: Interval, sim: Sample, real: Sample) -> tuple[bool | None, str]:
    """Whether two figures of a statistic can be told apart, and in what words."""
    if a.value is None or b.value is None:
        return None, "nothing to compare"
    if b.low is None and b.high is None:
        return _against_point(unit_, a, b.value)
    if unit_ == "%":
        gap = difference(sim=a, real=b)
        if gap.low is None or gap.high is None:
            return None, "nothing to compare"
        return bool(gap.low > 0 or gap.high < 0), points(gap)
    if key == "stops_per_h":
        p = rates_differ(sim=a, sim_exposure=sim.hours, real=b, real_exposure=real.hours)
        return (None, "no stop on either side") if p is None else (p < ALPHA, _times(a, b) + p_value(p))
    meet = overlap(a, b)
    return (
        (None, "too few to tell")
        if meet is None
        else (not meet, _times(a, b) + ("intervals overlap" if meet else "intervals apart"))
    )


def _against_point(unit_: str, a: Interval, value: float) -> tuple[bool | None, str]:
    if a.low is None or a.high is None:
        return None, "too few simulated episodes to tell"
    inside = a.low <= value <= a.high
    word = "inside" if inside else "outside"
    return not inside, f"{unit(value, unit_)} lies {word} the simulation’s interval"


def _times(a: Interval, b: Interval) -> str:
    return f"{a.value / b.value:.2f}{NB}×, " if a.value and b.value else ""


def sentence(told: Sequence[Row], title: str) -> str:
    """What a comparison says, in one or two sentences."""
    compared = [r for r in told if r.differs is not None]
    if not compared:
        return f"The simulation and {title} hold no statistic in common, so nothing is compared."
    apart = [r for r in compared if r.differs]
    if not apart:
        some = f"None of {several(len(compared), 'statistic')} could be told apart from {title}"
        return some + "; that is not proof that they are equal: the intervals say how large a difference could hide."
    shown = [f"{r.name} ({_both(r)})" for r in apart[:SHOWN]]
    more = [f"{len(apart) - SHOWN} more"] if len(apart) > SHOWN else []
    word = "differs" if len(apart) == 1 else "differ"
    head = f"{len(apart)} of {several(len(compared), 'statistic')} {word} from {title}: {listed(shown + more)}."
    return f"{head} There, this simulation does not predict that robot."


def _both(row: Row) -> str:
    return f"simulated {unit((row.sim or NOTHING).value, row.unit)}, real {unit((row.real or NOTHING).value, row.unit)}"
