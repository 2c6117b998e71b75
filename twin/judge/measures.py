"""What a simulated and a real episode table can be compared by: columns read once, then statistic by statistic.

Label with label, symptom with symptom; what a side did not record is not compared, and never counts as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from twin.core.errors import TableError, nearest
from twin.core.records import EPISODE_COLUMNS, SYMPTOMS, Bools, Floats
from twin.judge import equivalence as eq
from twin.judge import stats
from twin.judge.columns import column, flags, numbers
from twin.judge.stats import Interval
from twin.judge.words import SYMPTOM_WORDS

KEYS = ("task", "robot_model", "policy")
READ = (*KEYS, "label", "duration_s", "censored", "end_reason", "symptoms", "interventions", "resets", "reset_s", "wait_s")
"""Columns that a table must have; all of them may be null."""

Margin = tuple[str, float, bool]


def _statistics() -> dict[str, Margin]:
    out: dict[str, Margin] = {"success": ("success as labelled", 0.05, False)}
    out |= {f"duration_{q}_s": (f"{name} of cycle duration", 0.10, True) for q, name in QUANTILES.items()}
    out |= {f"share_{s}": (f"episodes with {ARTICLES[s]}{SYMPTOM_WORDS[s]}", 0.05, False) for s in SYMPTOMS}
    out["stops_per_h"] = "episodes with a protective stop per hour of cycle time", 0.25, True
    out["interventions_per_h"] = "interventions per hour of cycle time", 0.25, True
    out["resets_per_episode"] = "resets per episode", 0.25, True
    out["reset_median_s"] = "median time of a reset", 0.25, True
    out["availability"] = "share of cell time in episodes", 0.05, False
    out["episodes_per_h"] = "episodes per hour of cell time", 0.10, True
    out["successes_per_h"] = "successes per hour of cell time", 0.10, True
    return out


ARTICLES: Mapping[str, str] = {"protective_stop": "a ", "grip_loss": "a ", "link_timeout": "a ", "object_lost": "an "}
QUANTILES: Mapping[str, str] = {"p10": "10 % quantile", "median": "median", "p90": "90 % quantile"}
LEVELS: Mapping[str, float] = {"p10": 0.1, "median": 0.5, "p90": 0.9}
STATISTICS: Mapping[str, Margin] = _statistics()
"""Key → name, default margin, and whether the margin is on the ratio (0.10: within 10 %) or the difference (0.05: 5 points)."""


@dataclass(frozen=True)
class Episodes:
    """The columns of one table, in the order of run, cell and start; voided episodes left out. NaN and None: not recorded.

    keys: those of `KEYS`, and `scene`; label 1, 0 or NaN; duration (n,) s, of those `cut` only a lower bound; symptoms lists
    or None.
    """

    name: str
    keys: Mapping[str, Sequence[str | None]]
    cell: Sequence[str]
    label: Floats
    duration: Floats
    cut: Bools
    symptoms: Sequence[tuple[str, ...] | None]
    interventions: Floats
    resets: Floats
    reset: Floats
    wait: Floats
    seen: tuple[str, ...]
    voided: int

    def __len__(self) -> int:
        return len(self.cell)

    def take(self, rows: Sequence[int]) -> Episodes:
        """Some of its rows."""
        index = np.asarray(rows, dtype=np.int64)
        out: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in out.items():
            if isinstance(value, np.ndarray):
                out[name] = value[index]
        out["keys"] = {k: [v[i] for i in rows] for k, v in self.keys.items()}
        out["cell"], out["symptoms"] = [self.cell[i] for i in rows], [self.symptoms[i] for i in rows]
        return Episodes(**out)

    @property
    def timed(self) -> Bools:
        """Which episodes have a duration of their own."""
        return ~np.isnan(self.duration) & ~self.cut

    def with_symptom(self, *wanted: str) -> Floats:
        """1 where an episode has all of these, 0 where not, NaN where symptoms were not recorded."""
        need = set(wanted)
        return np.array([np.nan if s is None else float(need <= set(s)) for s in self.symptoms], dtype=float)


def read(table: pd.DataFrame, name: str) -> Episodes:
    """The columns of an episode table. `TableError`, with the row: a missing column, NaN, a wrong type, a negative number."""
    for wanted in READ:
        if wanted not in table.columns:
            known = wanted if wanted in EPISODE_COLUMNS else "label"
            raise TableError(f"{name}: no column {known!r}" + nearest(known, map(str, table.columns), what="columns"))
    reasons = column(table, "end_reason", table=name)
    order = [i for i in _order(table, name) if reasons[i] != "void"]
    label = [np.nan if v is None else float(v) for v in flags(table, "label", table=name)]
    cut = [v is True for v in flags(table, "censored", table=name)]
    symptoms = _symptoms(table, name)
    whole = {c: _amounts(table, c, name) for c in ("duration_s", "interventions", "resets", "reset_s", "wait_s")}
    told = {key: column(table, key, table=name) for key in KEYS}
    told["scene"] = column(table, "scene", table=name) if "scene" in table.columns else [None] * len(table)
    where = [column(table, c, table=name) if c in table.columns else [None] * len(table) for c in ("run", "cell")]
    return Episodes(
        name=name,
        keys={key: [None if v[i] is None else str(v[i]) for i in order] for key, v in told.items()},
        cell=[f"{where[0][i]}/{where[1][i]}" for i in order],
        label=np.array(label, dtype=float)[order],
        duration=whole["duration_s"][order],
        cut=np.array(cut, dtype=bool)[order],
        symptoms=[symptoms[i] for i in order],
        interventions=whole["interventions"][order],
        resets=whole["resets"][order],
        reset=whole["reset_s"][order],
        wait=whole["wait_s"][order],
        seen=tuple(sorted({s for i in order for s in symptoms[i] or ()})),
        voided=len(table) - len(order),
    )


def _order(table: pd.DataFrame, name: str) -> list[int]:
    """Row numbers by run, cell and start, as far as they are told."""
    runs, cells = (column(table, c, table=name) if c in table.columns else [None] * len(table) for c in ("run", "cell"))
    start = np.nan_to_num(numbers(table, "start_s", table=name)) if "start_s" in table.columns else np.zeros(len(table))
    return sorted(range(len(table)), key=lambda i: (str(runs[i]), str(cells[i]), start[i], i))


def _amounts(table: pd.DataFrame, name: str, of: str) -> Floats:
    """A numeric column, null as NaN; NaN itself (where its type can tell), infinity, text and negative numbers are refused."""
    if table[name].dtype == object:
        for row, value in enumerate(table[name].tolist()):
            if isinstance(value, float) and np.isnan(value):
                raise TableError(f"{of}: column {name!r}, row {row}: NaN where a number or null is expected")
    out = numbers(table, name, table=of)
    below = np.flatnonzero(out < 0)
    if below.size:
        raise TableError(f"{of}: column {name!r}, row {int(below[0])}: {out[below[0]]:g}, a negative amount")
    return out


def _symptoms(table: pd.DataFrame, name: str) -> list[tuple[str, ...] | None]:
    out: list[tuple[str, ...] | None] = []
    for row, value in enumerate(column_of_lists(table)):
        if value is not None and not isinstance(value, (list, tuple, np.ndarray)):
            raise TableError(f"{name}: column 'symptoms', row {row}: {value!r} where a list or null is expected")
        out.append(None if value is None else tuple(map(str, value)))
    return out


def column_of_lists(table: pd.DataFrame) -> list[Any]:
    """The symptoms as they stand; a scalar null of whatever kind as None, except NaN in a column of objects."""
    raw = table["symptoms"].astype(object).tolist()
    plain = table["symptoms"].dtype != object
    return [None if v is None or v is pd.NA or (plain and isinstance(v, float) and np.isnan(v)) else v for v in raw]


@dataclass(frozen=True)
class Measure:
    """One statistic on both sides: `gap` is None where nothing can be said, and then `note` says why.

    `shown` is the gap with its 95 % interval: a difference, or a ratio.
    """

    key: str
    sim: Interval | None
    real: Interval | None
    gap: eq.Gap | None = None
    shown: Interval = stats.NOTHING
    note: str = ""


def measure(sim: Episodes, real: Episodes) -> list[Measure]:
    """Every statistic that at least one side recorded, in the order of `STATISTICS`."""
    out = [_shares("success", sim.label, real.label)]
    out += _durations(sim, real)
    out += [_symptom(name, sim, real) for name in SYMPTOMS if name in (*sim.seen, *real.seen)]
    stops = [_per_hour(side, side.with_symptom("protective_stop")) for side in (sim, real)]
    if "protective_stop" in real.seen:
        out.append(_rates("stops_per_h", *stops))
    out.append(_rates("interventions_per_h", *(_per_hour(side, side.interventions) for side in (sim, real))))
    out.append(_rates("resets_per_episode", *(_known(side.resets, np.ones(len(side))) for side in (sim, real))))
    out.append(_quantiles("reset_median_s", 0.5, *(side.reset[side.resets > 0] for side in (sim, real))))
    out += _cell_time(sim, real)
    return [m for m in out if m.sim is not None or m.real is not None]


Counted = tuple[Floats, Floats]
"""Events (n,) and their exposure (n,), of the episodes of which both are told."""


def _known(values: Floats, exposure: Floats) -> Counted:
    good = ~np.isnan(values) & ~np.isnan(exposure)
    return values[good], exposure[good]


def _per_hour(side: Episodes, values: Floats) -> Counted:
    return _known(values, side.duration / 3600)


def _sided(key: str, a: Interval | None, b: Interval | None) -> Measure:
    return Measure(key, a, b, note="recorded on one side only")


def _symptom(name: str, sim: Episodes, real: Episodes) -> Measure:
    """A symptom that a real log never names may not have been recorded there: it is not taken for zero."""
    told = _shares(f"share_{name}", sim.with_symptom(name), real.with_symptom(name))
    if name in real.seen or told.real is None:
        return told
    return Measure(told.key, told.sim, None, note="named nowhere in the real table, which may not record it")


def _shares(key: str, sim: Floats, real: Floats) -> Measure:
    a, b = sim[~np.isnan(sim)], real[~np.isnan(real)]
    spread = [_dispersion(x) for x in (a, b)]
    totals = [(int(x.sum()), int(x.size), d) for x, d in zip((a, b), spread, strict=True)]
    shown = [stats.proportion(k=k, n=n, dispersion=d) if n else None for k, n, d in totals]
    if shown[0] is None or shown[1] is None:
        return _sided(key, *shown)
    sides = [eq.share(k=k, n=n, dispersion=d) for k, n, d in totals]
    gap = eq.difference_of_shares(sim=sides[0], real=sides[1], dispersion=(spread[0], spread[1]))
    return Measure(key, shown[0], shown[1], gap, stats.difference(sim=shown[0], real=shown[1]))


def _dispersion(values: Floats, exposure: Floats | None = None) -> float:
    """How much wider intervals must be for episodes that hang together; never below 1."""
    told = stats.dispersion(values, exposure)
    return 1.0 if told is None else max(1.0, told.value)


def _durations(sim: Episodes, real: Episodes) -> list[Measure]:
    a, b = sim.duration[sim.timed], real.duration[real.timed]
    return [_quantiles(f"duration_{name}_s", q, a, b) for name, q in LEVELS.items()]


def quantile(values: Floats, q: float) -> eq.Estimate:
    """A quantile of values in their order, its limits widened where neighbours hang together."""
    middle = float(np.median(values))
    return eq.quantile(np.sort(values), q, dispersion=_dispersion((values > middle).astype(float)))


def _quantiles(key: str, q: float, sim: Floats, real: Floats) -> Measure:
    a, b = sim[~np.isnan(sim)], real[~np.isnan(real)]
    sides = [quantile(x, q) if x.size else None for x in (a, b)]
    return _ratio(key, sides[0], sides[1])


def _ratio(key: str, sim: eq.Estimate | None, real: eq.Estimate | None) -> Measure:
    shown = [None if side is None else _interval(side) for side in (sim, real)]
    if sim is None or real is None:
        return _sided(key, *shown)
    gap = eq.ratio(sim=sim, real=real)
    if gap is None:
        return Measure(key, shown[0], shown[1], note="a side is zero, so there is no ratio")
    return Measure(key, shown[0], shown[1], gap, _shown(gap))


def _interval(side: eq.Estimate) -> Interval:
    low, high = side.limits(0.025)
    return Interval(side.value, _finite(low), _finite(high), side.n)


def _shown(gap: eq.Gap) -> Interval:
    """A gap with its 95 % interval, a ratio as such."""
    turn: Callable[[float], float] = (lambda x: float(np.exp(x))) if gap.ratio else float
    value, low, high = (_finite(turn(x)) for x in (gap.value, *gap.limits(0.025)))
    return Interval(value, low, high, min(gap.n_sim, gap.n_real))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _rates(key: str, sim: Counted, real: Counted) -> Measure:
    spread = [_dispersion(*side) for side in (sim, real)]
    totals = [(round(float(x.sum())), float(e.sum())) for x, e in (sim, real)]
    shown = [stats.rate(count=k, exposure=e, dispersion=d) if e > 0 else None for (k, e), d in zip(totals, spread, strict=True)]
    if shown[0] is None or shown[1] is None:
        return _sided(key, *shown)
    gap = eq.ratio_of_rates(sim=totals[0], real=totals[1], n=(sim[0].size, real[0].size), dispersion=max(spread))
    if gap is None:
        return Measure(key, shown[0], shown[1], note="no event on either side")
    return Measure(key, shown[0], shown[1], gap, _shown(gap))


def _cell_time(sim: Episodes, real: Episodes) -> list[Measure]:
    """Throughput and availability over the time that both sides recorded: episodes, and resets and waits where both did."""
    parts = [p for p in ("reset", "wait") if not any(np.isnan(getattr(side, p)).all() for side in (sim, real))]

    def each(top: Callable[[Episodes], Floats]) -> list[eq.Estimate | None]:
        return [_per_cell_hour(top(side), side, parts) for side in (sim, real)]

    out = [_ratio("episodes_per_h", *each(lambda s: np.ones(len(s)))), _ratio("successes_per_h", *each(lambda s: s.label))]
    return out if not parts else [_availability(*each(lambda s: s.duration / 3600)), *out]


def _per_cell_hour(top: Floats, side: Episodes, parts: Sequence[str]) -> eq.Estimate | None:
    hours = (side.duration + sum((getattr(side, part) for part in parts), start=np.zeros(len(side)))) / 3600
    good = ~np.isnan(top) & ~np.isnan(hours) & ~side.cut
    return eq.ratio_of_sums(top[good], hours[good])


def _availability(sim: eq.Estimate | None, real: eq.Estimate | None) -> Measure:
    shown = [None if side is None else _interval(side) for side in (sim, real)]
    if sim is None or real is None:
        return _sided("availability", *shown)
    gap = eq.difference(sim=sim, real=real)
    return Measure("availability", shown[0], shown[1], gap, _shown(gap))
