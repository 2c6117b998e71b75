"""Simulation against reality: where a twin may be trusted, where not, and how many episodes it takes to know.

Like with like: the same task, robot model and policy; label with label; symptom with symptom. Every statistic has a margin,
and every claim pays for how many were tried (Benjamini–Hochberg): of what is called equal at most 5 % is not, in
expectation, and of what is called different at most 5 % is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from twin.core.errors import InputError, TableError, nearest
from twin.judge import equivalence as eq
from twin.judge.columns import column
from twin.judge.equivalence import ALPHA, Verdict
from twin.judge.measures import KEYS, STATISTICS, Episodes, Measure, measure, read
from twin.judge.paired import Paired, success
from twin.judge.stats import Interval, benjamini_hochberg
from twin.judge.survival import of_durations, of_events, of_success, plain
from twin.judge.words import NB, NONE, count, listed, points, several, short

SHOWN = 6
"""Statistics that the summary names for each verdict; the table has them all."""


@dataclass(frozen=True)
class Row:
    """One statistic of one group, judged. `gap` is sim − real, or sim ÷ real where `ratio`; its interval holds 95 %.

    `p_agrees` and `p_differs` are adjusted for the number of statistics. `needed`: episodes on each side, None: unknown.
    """

    key: str
    name: str
    sim: Interval | None
    real: Interval | None
    gap: Interval
    ratio: bool
    margin: float
    p_agrees: float | None
    p_differs: float | None
    verdict: Verdict
    words: str
    needed: int | None = None

    @property
    def unit(self) -> str:
        """Of either side's value."""
        return "%" if not self.ratio else "s" if self.key.endswith("_s") else "/h" if self.key.endswith("_per_h") else ""

    @property
    def apart(self) -> str:
        """The gap with its interval, in words."""
        if self.gap.value is None:
            return NONE
        if not self.ratio:
            return points(self.gap)
        ends = [NONE if v is None else f"{v:.2f}" for v in self.gap[:3]]
        return f"×{NB}{ends[0]} ({ends[1]} to {ends[2]})"


@dataclass(frozen=True)
class Group:
    """A task on a robot model under a policy (None: not told apart), on both sides.

    `durations`, `time_to_success` and `events` are plain data to draw. `paired`: real success by pairs of episodes, or why not.
    """

    task: str | None
    robot_model: str | None
    policy: str | None
    n_sim: int
    n_real: int
    rows: tuple[Row, ...]
    durations: Mapping[str, Any]
    time_to_success: Mapping[str, Any]
    events: Mapping[str, Any]
    paired: Paired | str | None = None

    @property
    def name(self) -> str:
        """What to call it: “pick_place, ur3”."""
        return ", ".join(filter(None, (self.task, self.robot_model, self.policy)))


@dataclass(frozen=True)
class Comparison:
    """A simulation beside a real table, group by group. `trusted`, `not_trusted`, `unknown` hold (group, statistic)."""

    groups: tuple[Group, ...]
    sentence: str
    notes: tuple[str, ...]
    alpha: float

    def told(self, verdict: Verdict) -> list[tuple[str, str]]:
        """(group, key of the statistic) of everything with this verdict."""
        return [(g.name, r.key) for g in self.groups for r in g.rows if r.verdict == verdict]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data that JSON can hold; what is not known is None."""
        names = {"trusted": "agrees", "not_trusted": "differs", "unknown": "cannot_tell"}
        told = {k: [{"group": g, "statistic": s} for g, s in self.told(v)] for k, v in names.items()}  # type: ignore[arg-type]
        out: dict[str, Any] = plain(
            {
                "summary": {"sentence": self.sentence, **told},
                "groups": [_group_dict(g) for g in self.groups],
                "notes": self.notes,
                "alpha": self.alpha,
            }
        )
        return out


def _group_dict(group: Group) -> dict[str, Any]:
    return {
        "task": group.task,
        "robot_model": group.robot_model,
        "policy": group.policy,
        "n": {"sim": group.n_sim, "real": group.n_real},
        "statistics": [_row_dict(r) for r in group.rows],
        "durations": group.durations,
        "time_to_success": group.time_to_success,
        "events": group.events,
        "paired": group.paired.as_dict() if isinstance(group.paired, Paired) else None,
        "not_paired": group.paired if isinstance(group.paired, str) else None,
    }


def _row_dict(row: Row) -> dict[str, Any]:
    out = {k: getattr(row, k) for k in row.__dataclass_fields__}
    for side in ("sim", "real", "gap"):
        out[side] = None if out[side] is None else out[side]._asdict()
    return out | {"gap": {**out["gap"], "is": "ratio" if out.pop("ratio") else "difference"}}


def compare(
    sim: pd.DataFrame,
    real: pd.DataFrame,
    margins: Mapping[str, float] | None = None,
    *,
    by: Sequence[str] = KEYS,
    alpha: float = ALPHA,
) -> Comparison:
    """Set a simulated episode table beside a real one. `margins`: statistic → margin, over the defaults in `STATISTICS`.

    Groups are by the columns `by`, of which one that a side never fills in is not used, and said. `TableError` where tables are
    empty, lack a column, hold NaN or share no group; `InputError` for a margin that is none.
    """
    wanted = margins_of(margins or {})
    a, b = _side(sim, "sim"), _side(real, "real")
    if _sources(sim) == {"real"} and _sources(real) == {"sim"}:
        raise TableError("sim: every row has source 'real', and in real 'sim': the two tables are swapped")
    used, notes = _used(a, b, by)
    pairs, left = _groups(a, b, used)
    drafts = [(key, x, y, measure(x, y)) for key, x, y in pairs]
    if not any(m.sim is not None and m.real is not None for *_, ms in drafts for m in ms):
        raise TableError("sim and real record no statistic in common (labels, durations, symptoms): nothing to compare")
    rows = iter(_judge([m for *_, ms in drafts for m in ms], wanted, alpha))
    groups = [_group(dict(zip(used, key, strict=True)), x, y, [next(rows) for _ in ms]) for key, x, y, ms in drafts]
    _adjust(groups)
    notes = [*notes, *left, *_notes(sim, real, a, b)]
    return Comparison(tuple(groups), _sentence(groups), tuple(notes), alpha)


def _group(own: Mapping[str, str], x: Episodes, y: Episodes, rows: Sequence[Row]) -> Group:
    return Group(
        task=own.get("task"),
        robot_model=own.get("robot_model"),
        policy=own.get("policy"),
        n_sim=len(x),
        n_real=len(y),
        rows=tuple(rows),
        durations=of_durations(x, y),
        time_to_success=of_success(x, y),
        events={"sim": of_events(x), "real": of_events(y)},
        paired=success(sim=x, real=y),
    )


def margins_of(asked: Mapping[str, Any]) -> dict[str, float]:
    """Every statistic's margin, some as asked. `InputError` for a statistic that is none, or a margin that is none."""
    out = {key: margin for key, (_, margin, _) in STATISTICS.items()}
    for key, value in asked.items():
        if key not in out:
            raise InputError(f"margins: no statistic {key!r}" + nearest(key, out, what="statistics"))
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
            raise InputError(f"margins: {key}: {value!r} is no margin; a number above 0 is expected")
        if not STATISTICS[key][2] and value >= 1:
            raise InputError(f"margins: {key}: {value:g} is more than all; 0.05 means 5 points")
        out[key] = float(value)
    return out


def _side(table: pd.DataFrame, name: str) -> Episodes:
    if len(table) == 0:
        raise TableError(f"{name}: no episodes, so there is nothing to compare")
    side = read(table, name)
    if len(side) == 0:
        raise TableError(f"{name}: all {several(len(table), 'episode')} voided by the physics: nothing to compare")
    return side


def _sources(table: pd.DataFrame) -> set[Any]:
    return set(column(table, "source", table="episodes")) if "source" in table.columns else set()


def _used(a: Episodes, b: Episodes, by: Sequence[str]) -> tuple[list[str], list[str]]:
    """Keys that both sides fill in, and a word on those that one does not."""
    used, notes = [], []
    for key in by:
        if key not in KEYS:
            raise InputError(f"by: no key {key!r}" + nearest(key, KEYS, what="keys"))
        silent = [side.name for side in (a, b) if all(v is None for v in side.keys[key])]
        if silent and key == "task":
            raise TableError(f"{silent[0]}: column 'task' is empty in every row, so there is no task in common")
        if not silent:
            used.append(key)
        elif len(silent) == 1:
            notes.append(f"{silent[0]} names no {key}: all of the other side’s are taken together")
    return used, notes


Keyed = tuple[tuple[str, ...], Episodes, Episodes]


def _groups(a: Episodes, b: Episodes, used: Sequence[str]) -> tuple[list[Keyed], list[str]]:
    """Groups that both sides have, and a word on episodes that have no counterpart. Rows that do not name a key are in none."""
    found = [_rows_by(side, used) for side in (a, b)]
    shared = sorted(key for key in found[0] if key in found[1])
    if not shared:
        raise TableError(_nothing_shared(found, used))
    notes = []
    for side, rows in zip((a, b), found, strict=True):
        gone = len(side) - sum(len(rows[key]) for key in shared)
        if gone:
            notes.append(f"{side.name}: {several(gone, 'episode')} of {count(len(side))} without a counterpart, left out")
    return [(key, a.take(found[0][key]), b.take(found[1][key])) for key in shared], notes


def _nothing_shared(found: Sequence[Mapping[tuple[str, ...], Any]], used: Sequence[str]) -> str:
    """What two tables have on each side that share no group: of the first key that tells them apart, else of all."""
    for i, key in enumerate(used):
        ours, theirs = (sorted({group[i] for group in side}) for side in found)
        if not any(name in theirs for name in ours):
            what = key.replace("_", " ")
            return f"sim and real have no {what} in common: sim has {listed(ours)}, real has {listed(theirs)}"
    ours, theirs = (sorted(", ".join(group) for group in side) for side in found)
    what = listed(key.replace("_", " ") for key in used)
    return f"sim and real have no {what} in common: sim has {'; '.join(ours)}, but real has {'; '.join(theirs)}"


def _rows_by(side: Episodes, used: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    out: dict[tuple[str, ...], list[int]] = {}
    for i, key in enumerate(zip(*(side.keys[u] for u in used), strict=True)):
        named = tuple(k for k in key if k is not None)
        if len(named) == len(used):
            out.setdefault(named, []).append(i)
    return out


# --- verdicts


def _judge(measures: Sequence[Measure], margins: Mapping[str, float], alpha: float) -> list[Row]:
    """Every statistic of every group with its verdict, adjusted for their number."""
    told = [None if m.gap is None else eq.decide(m.gap, margins[m.key]) for m in measures]
    agrees = benjamini_hochberg([None if d is None else d.agrees for d in told])
    differs = benjamini_hochberg([None if d is None else d.differs for d in told])
    levels = _next_level(agrees, alpha), _next_level(differs, alpha)
    both = zip(measures, agrees, differs, strict=True)
    return [_row(m, margins[m.key], same, apart, alpha, levels) for m, same, apart in both]


def _next_level(adjusted: Sequence[float | None], alpha: float) -> float:
    """The level that the next claim would have to hold, those made already being kept."""
    made = sum(p is not None and p <= alpha for p in adjusted)
    return min(alpha, alpha * (1 + made) / max(1, sum(p is not None for p in adjusted)))


def _row(m: Measure, margin: float, same: float | None, apart: float | None, alpha: float, levels: tuple[float, float]) -> Row:
    name, _, ratio = STATISTICS[m.key]
    within = f"{short(100 * margin)} %" if ratio else f"{short(100 * margin)} points"
    verdict: Verdict = "cannot_tell"
    needed = None
    if same is not None and same <= alpha:
        verdict, words = "agrees", f"agrees within {within}"
    elif apart is not None and apart <= alpha:
        verdict, words = "differs", "differs"
    elif m.gap is None:
        words = f"cannot tell: {m.note}"
    else:
        needed = eq.needed(m.gap, margin, levels=levels)
        words = f"cannot tell: n ≥ {count(needed)} needed" if needed else "cannot tell: " + _why(m.gap)
    return Row(m.key, name, m.sim, m.real, m.shown, ratio, margin, same, apart, verdict, words, needed)


def _why(gap: eq.Gap) -> str:
    """Why no number of episodes can be named."""
    return "too few episodes to say how many are needed" if not math.isfinite(gap.se) else "the gap lies at the margin"


def _adjust(groups: Sequence[Group]) -> None:
    """Give every test of equal distributions its p-value adjusted for their number, as `p_adjusted`."""
    tests = [t for g in groups for t in (g.durations["ks"], g.time_to_success["log_rank"]) if t is not None]
    for test, p in zip(tests, benjamini_hochberg([t["p"] for t in tests]), strict=True):
        test["p_adjusted"] = p


# --- words


def _notes(sim: pd.DataFrame, real: pd.DataFrame, a: Episodes, b: Episodes) -> list[str]:
    notes = [f"{s.name}: {several(s.voided, 'episode')} voided by the physics, left out" for s in (a, b) if s.voided]
    sources = [_sorted(t, "label_source") for t in (sim, real)]
    if all(sources) and sources[0] != sources[1]:
        notes.append(f"labels are the {listed(sources[0])}’s in sim and the {listed(sources[1])}’s in real")
    if len(_sorted(sim, "run")) == 1:
        notes.append("sim is one run: its episodes share its faults, and another seed may show more than the intervals say")
    return notes


def _sorted(table: pd.DataFrame, name: str) -> list[str]:
    return sorted({str(v) for v in column(table, name, table="episodes") if v is not None}) if name in table.columns else []


def _sentence(groups: Sequence[Group]) -> str:
    """Where the twin may be trusted and where not."""
    parts = []
    for verdict, head in (
        ("agrees", "This twin may be trusted for"),
        ("differs", "It may not be trusted for"),
        ("cannot_tell", "It cannot be told yet for"),
    ):
        rows = [(g, r) for g in groups for r in g.rows if r.verdict == verdict and r.gap.value is not None]
        if not rows:
            parts += ["There is nothing yet that this twin may be trusted for."] if verdict == "agrees" else []
            continue
        names = [r.name + (f" ({g.name})" if len(groups) > 1 else "") for g, r in rows[:SHOWN]]
        names += [f"{len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        parts.append(f"{head} {listed(names)}.")
    lone = sum(r.gap.value is None for g in groups for r in g.rows)
    return " ".join([*parts, f"{several(lone, 'statistic')} cannot be compared."] if lone else parts)


def as_text(told: Comparison) -> str:
    """A comparison as lines for a terminal."""
    lines = [told.sentence]
    for group in told.groups:
        lines += ["", f"{group.name}: {count(group.n_sim)} simulated, {count(group.n_real)} real"]
        lines += [f"  {row.name:<60} {_figure(row.sim, row)} {_figure(row.real, row)}  {row.words}" for row in group.rows]
        lines += [f"  {by_pairs(group.paired)}"] if group.paired is not None else []
    return "\n".join([*lines, *(["", *told.notes] if told.notes else [])])


def by_pairs(told: Paired | str) -> str:
    """What pairs of episodes say of real success, or why they say nothing."""
    return told.words() if isinstance(told, Paired) else f"success by pairs: not paired, {told}"


def _figure(side: Interval | None, row: Row) -> str:
    if side is None or side.value is None:
        return f"{'—':>9}"
    return f"{100 * side.value:>8.1f}%" if not row.ratio else f"{side.value:>9.3g}"
