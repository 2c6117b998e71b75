"""Checks over a log, simulated or real: what was promised, what the log says, and which events or episodes show it.

A check passes (True), fails (False) or is undecided (None): where the thing it speaks of never happened, nothing was shown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from twin.core.errors import TableError, nearest
from twin.judge.accounting import Accounts, account
from twin.judge.columns import US, cells, column, duration_us, flags, payload, refuse_nan, times_us
from twin.judge.spec import AtLeast, CheckSpec, SuccessRate, Within
from twin.judge.stats import proportion
from twin.log.tables import RunLog

MARK_KINDS: Mapping[str, str] = {
    "stuck": "reset.stuck",
    "recovered": "reset.done",
    "broken": "repair.start",
    "repaired": "repair.done",
    "stopped": "stop.protective",
    "cleared": "stop.cleared",
    "paged": "page.sent",
    "answered": "page.answered",
    "arrived": "job.arrived",
    "assigned": "job.assigned",
}
"""The event that each mark of a `within` check stands for."""

NEVER_KINDS: Mapping[str, str] = {
    "workspace_violation": "filter.breach",
    "joint_limit_violation": "filter.breach",
    "velocity_violation": "filter.breach",
    "void_episode": "episode.void",
    "abandoned_reset": "reset.abandoned",
    "job_failed": "job.failed",
}
"""The event that must not occur under each `never` check."""

BREACHES: Mapping[str, str] = {
    "workspace": "workspace_violation",
    "joint_limit": "joint_limit_violation",
    "velocity": "velocity_violation",
}
"""`payload.what` of a `filter.breach` (with or without `_violation`) and the check that it breaks."""

SHOWN = 20
"""Pieces of evidence that a result keeps."""


@dataclass(frozen=True)
class CheckResult:
    """What became of one check. `passed` None: undecided; `value` in `unit` (`%`: a share from 0 to 1, `s`, or a bare number),
    `low` and `high` its 95 % interval where it has one; `evidence` names events (`event 812`) and episodes (`episode 17`)."""

    name: str
    passed: bool | None
    value: float | None
    bound: str
    detail: str
    evidence: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return asdict(self) | {"evidence": list(self.evidence)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CheckResult:
        """The inverse of `as_dict`."""
        known = {k: data[k] for k in cls.__dataclass_fields__ if k in data}
        return replace(cls("", None, None, "", ""), **known | {"evidence": tuple(known.get("evidence", ()))})


def evaluate(checks: Sequence[CheckSpec], log: RunLog) -> list[CheckResult]:
    """The results of `checks` over a log, in their order. `TableError` where the log holds NaN or lacks a column."""
    refuse_nan(log)
    return [_one(check, log) for check in checks]


def _one(check: CheckSpec, log: RunLog) -> CheckResult:
    if check.success_rate is not None:
        return _success(check.success_rate, log)
    if check.never is not None:
        return _never(check.never, log)
    if check.within is not None:
        return _within(check.within, log)
    if check.at_least is not None:
        return _at_least(check.at_least, log)
    raise TableError("a check without a key judges nothing: give success_rate, never, within or at_least")


def counted(log: RunLog) -> list[int]:
    """Row numbers of the episodes that count: the physics did not void them."""
    return [row for row, reason in enumerate(column(log.episodes, "end_reason", table="episodes")) if reason != "void"]


def _success(spec: SuccessRate, log: RunLog) -> CheckResult:
    label = flags(log.episodes, "label", table="episodes")
    task = column(log.episodes, "task", table="episodes")
    number = column(log.episodes, "episode", table="episodes")
    rows = [r for r in counted(log) if task[r] == spec.task]
    judged = [r for r in rows if label[r] is not None]
    k = sum(label[r] is True for r in judged)
    share = proportion(k=k, n=len(judged))
    bound = " and ".join(f"{sign} {_percent(limit)}" for sign, limit in (("≥", spec.min), ("≤", spec.max)) if limit is not None)
    name = f"success_rate of {spec.task}"
    if share.value is None:
        return CheckResult(name, None, None, bound, f"no labelled episode of {spec.task} among {len(rows)}")
    passed = (spec.min is None or share.value >= spec.min) and (spec.max is None or share.value <= spec.max)
    missing = f"; {len(rows) - len(judged)} without a label not counted" if len(rows) > len(judged) else ""
    detail = f"{k} of {len(judged)} labelled episodes, 95 % interval {_percent(share.low)} to {_percent(share.high)}{missing}"
    evidence = tuple(f"episode {number[r]}" for r in judged if label[r] is False)
    return CheckResult(name, passed, share.value, bound, detail, evidence[:SHOWN], share.low, share.high, "%")


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.3g} %"


def _never(what: str, log: RunLog) -> CheckResult:
    kind = NEVER_KINDS[what]
    kinds = column(log.events, "kind", table="events")
    seqs = column(log.events, "seq", table="events")
    rows = [r for r, k in enumerate(kinds) if k == kind]
    if kind == "filter.breach":
        texts = column(log.events, "payload", table="events")
        rows = [r for r in rows if _breach(texts[r], r) == what]
    evidence = [f"event {seqs[r]}" for r in rows]
    if what == "void_episode":
        evidence += _voided_rows(log, {seqs[r] for r in rows})
    count = len(evidence)
    if not kinds:
        return CheckResult(f"never {what}", None, None, "0 times", "the log holds no event: nothing was watched")
    detail = "never happened" if not count else f"happened {count} time{'s' if count > 1 else ''}"
    return CheckResult(f"never {what}", not count, float(count), "0 times", detail, tuple(evidence[:SHOWN]))


def _breach(text: Any, row: int) -> str:
    """The check that a breach breaks. An unknown breach is refused: skipped, it would be a pass that nobody earned."""
    what = str(payload(text, row).get("what"))
    known = BREACHES.get(what.removesuffix("_violation"))
    if known is None:
        hint = nearest(what, BREACHES, what="breaches")
        raise TableError(f"events: column 'payload', row {row}: filter.breach of unknown {what!r}{hint}")
    return known


def _voided_rows(log: RunLog, events: set[Any]) -> list[str]:
    """Voided episodes of the table, where no event already names them."""
    if events:
        return []
    number = column(log.episodes, "episode", table="episodes")
    reasons = column(log.episodes, "end_reason", table="episodes")
    return [f"episode {n}" for n, reason in zip(number, reasons, strict=True) if reason == "void"]


def _within(spec: Within, log: RunLog) -> CheckResult:
    limit = round(spec.seconds * US)
    name, bound = f"within {spec.from_} → {spec.to}", f"≤ {spec.seconds:g} s"
    begun, ended = _marks(log, spec.from_, spec.to)
    end = duration_us(log)
    waits: list[int] = []
    late: list[tuple[int, Any]] = []
    still = 0
    for key, moments in begun.items():
        for t, seq in moments:
            after = ended.get(key, [])
            i = bisect_left(after, (t, seq))
            wait = after[i][0] - t if i < len(after) else None
            if wait is None and end - t <= limit:
                still += 1
            elif wait is None or wait > limit:
                late.append((end - t if wait is None else wait, seq))
            if wait is not None:
                waits.append(wait)
    cases = sum(map(len, begun.values()))
    if not cases:
        return CheckResult(name, None, None, bound, f"nothing was ever {spec.from_}: nothing to judge")
    value = max(waits + [w for w, _ in late], default=None)
    seconds = None if value is None else value / US
    longest = f", longest {seconds:.1f} s" if seconds is not None else ""
    detail = f"{cases} case{'s' if cases > 1 else ''}{longest}, {len(late)} late or never" + (
        f", {still} still open" if still else ""
    )
    passed = False if late else (True if waits else None)
    return CheckResult(name, passed, seconds, bound, detail, tuple(f"event {seq}" for _, seq in late[:SHOWN]), unit="s")


Moments = dict[str, list[tuple[int, int]]]


def _marks(log: RunLog, begin: str, end: str) -> tuple[Moments, Moments]:
    """Moments (t_us, seq) of two marks, by cell; by job where a job's arrival is one of them. A withdrawn job owes nothing."""
    by = "job" if "arrived" in (begin, end) else "cell"
    kinds = column(log.events, "kind", table="events")
    seqs = column(log.events, "seq", table="events")
    keys = column(log.events, by, table="events")
    when = times_us(log.events, "t_s", table="events")
    begun: Moments = {}
    ended: Moments = {}
    cancelled: list[Any] = []
    for kind, seq, key, t in zip(kinds, seqs, keys, when.tolist(), strict=True):
        if kind == MARK_KINDS[begin]:
            begun.setdefault(str(key), []).append((t, int(seq)))
        if kind == MARK_KINDS[end]:
            ended.setdefault(str(key), []).append((t, int(seq)))
        if kind == "job.cancelled" and by == "job":
            cancelled.append(key)
    for key in cancelled:
        if str(key) not in ended:
            begun.pop(str(key), None)
    for moments in ended.values():
        moments.sort()
    return begun, ended


def _at_least(spec: AtLeast, log: RunLog) -> CheckResult:
    value, detail = _MEASURES[spec.what](log)
    passed = None if value is None else value >= spec.min
    share = spec.what == "utilisation"
    bound = f"≥ {_percent(spec.min) if share else format(spec.min, 'g')}"
    return CheckResult(f"at_least {spec.what}", passed, value, bound, detail, unit="%" if share else "")


def _episodes(log: RunLog) -> tuple[float | None, str]:
    rows = counted(log)
    return float(len(rows)), f"{len(rows)} episodes, {len(log.episodes) - len(rows)} voided"


def _usable(log: RunLog) -> tuple[float | None, str]:
    usable = flags(log.episodes, "usable", table="episodes")
    known = [usable[r] for r in counted(log) if usable[r] is not None]
    if not known and len(log.episodes):
        return None, "whether an episode is usable was not recorded"
    return float(sum(map(bool, known))), f"{sum(map(bool, known))} of {len(known)} episodes usable"


def _usable_per_robot_h(log: RunLog) -> tuple[float | None, str]:
    count, detail = _usable(log)
    hours = len(cells(log)) * duration_us(log) / US / 3600
    if count is None or hours <= 0:
        return None, detail if count is None else "the farm had no robot-hour"
    return count / hours, f"{detail}, in {hours:.3g} robot-hours"


def _utilisation(log: RunLog) -> tuple[float | None, str]:
    books: Accounts = account(log)
    if books.total_us == 0:
        return None, "the farm had no robot-hour"
    busy = books.by_state()["episode"]
    return busy / books.total_us, f"{busy / US / 3600:.3g} of {books.total_us / US / 3600:.3g} robot-hours in episodes"


_MEASURES: Mapping[str, Callable[[RunLog], tuple[float | None, str]]] = {
    "episodes": _episodes,
    "usable_episodes": _usable,
    "usable_per_robot_h": _usable_per_robot_h,
    "utilisation": _utilisation,
}
