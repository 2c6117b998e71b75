"""Checks of what happened: `never`, `within`, and the counting that `rate` does."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from twin.core.errors import TableError, nearest
from twin.judge.checks.result import SHOWN, CheckResult
from twin.judge.columns import US, column, duration_us, payload, rows
from twin.judge.spec import Within
from twin.judge.words import several
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
    "separation_violation": "filter.breach",
    "stop_violation": "filter.breach",
    "command_jump_violation": "filter.breach",
    "limits_violation": "filter.breach",
    "jerk_violation": "filter.breach",
    "self_violation": "filter.breach",
    "keep_out_violation": "filter.breach",
    "contact_violation": "filter.breach",
    "stale_violation": "filter.breach",
    "tracking_violation": "filter.breach",
    "torque_violation": "filter.breach",
    "protective_stop": "stop.protective",
    "grip_loss": "symptom.grip_loss",
    "object_lost": "symptom.object_lost",
    "breakage": "repair.start",
    "page": "page.sent",
    "expired_page": "page.expired",
    "stuck_cell": "reset.stuck",
    "failed_reset": "reset.failed",
    "abandoned_reset": "reset.abandoned",
    "link_timeout": "link.timeout",
    "job_returned": "job.returned",
    "job_failed": "job.failed",
    "filter_acted": "filter.acted",
    "failed_filter": "filter.failed",
    "rejected_data": "data.rejected",
    "void_episode": "episode.void",
}
"""The event that must not occur under each `never` check, and that a `rate` counts."""

BREACHES: Mapping[str, str] = {
    "workspace": "workspace_violation",
    "joint_limit": "joint_limit_violation",
    "velocity": "velocity_violation",
    "separation": "separation_violation",
    "stop": "stop_violation",
    "command_jump": "command_jump_violation",
    "limits": "limits_violation",
    "keep_out": "keep_out_violation",
    "contact": "contact_violation",
    "stale": "stale_violation",
    "tracking": "tracking_violation",
    "torque": "torque_violation",
    "jerk": "jerk_violation",
    "self": "self_violation",
}
"""`payload.what` of a `filter.breach` (with or without `_violation`) and the check that it breaks."""


def happened(log: RunLog, what: str) -> list[str] | None:
    """Evidence of each time that something of `NEVER_KINDS` happened; None where the log holds no event to tell it."""
    kind = NEVER_KINDS[what]
    found = rows(log.events, ("seq", "payload"), table="events", kinds=(kind,))
    evidence = [f"event {seq}" for row, seq, text in found if kind != "filter.breach" or _breach(text, row) == what]
    if what == "void_episode" and not evidence:
        evidence = _voided_rows(log)
    return evidence if len(log.events) or evidence else None


def _breach(text: Any, row: int) -> str:
    """The check that a breach breaks. An unknown breach is refused: skipped, it would be a pass that nobody earned."""
    what = str(payload(text, row).get("what"))
    known = BREACHES.get(what.removesuffix("_violation"))
    if known is None:
        hint = nearest(what, BREACHES, what="breaches")
        raise TableError(f"events: column 'payload', row {row}: filter.breach of unknown {what!r}{hint}")
    return known


def _voided_rows(log: RunLog) -> list[str]:
    """Voided episodes of the table, for a log whose events keep silent."""
    number = column(log.episodes, "episode", table="episodes")
    reasons = column(log.episodes, "end_reason", table="episodes")
    return [f"episode {n}" for n, reason in zip(number, reasons, strict=True) if reason == "void"]


def never(what: str, log: RunLog) -> CheckResult:
    """Whether something did not happen at all."""
    evidence = happened(log, what)
    if evidence is None:
        return CheckResult(f"never {what}", None, None, "0 times", "the log holds no event: nothing was watched")
    count = len(evidence)
    detail = "never happened" if not count else f"happened {count} time{'s' if count > 1 else ''}"
    return CheckResult(f"never {what}", not count, float(count), "0 times", detail, tuple(evidence[:SHOWN]))


def within(spec: Within, log: RunLog) -> CheckResult:
    """Whether each cause got its answer in time."""
    limit = round(spec.seconds * US)
    name, bound = f"within {spec.from_} → {spec.to}", f"≤ {spec.seconds:g} s"
    cases = list(_waits(log, spec))
    if not cases:
        return CheckResult(name, None, None, bound, f"nothing was ever {spec.from_}: nothing to judge")
    young = [case for case in cases if not case.over and case.wait_us <= limit]
    late = [case for case in cases if case.wait_us > limit]
    seconds = max((case.wait_us / US for case in cases if case.over or case.wait_us > limit), default=None)
    told = [several(len(cases), "case")] + ([] if seconds is None else [f"longest {seconds:.1f} s"])
    told += [f"{len(late)} late or never"] + [f"{len(young)} still open"] * bool(young)
    passed = False if late else True if len(young) < len(cases) else None
    evidence = tuple(f"event {case.seq}" for case in late[:SHOWN])
    return CheckResult(name, passed, seconds, bound, ", ".join(told), evidence, unit="s")


class Wait(NamedTuple):
    """How long something waited for its answer, up to the end of the log where none came (`over`: it did)."""

    wait_us: int
    over: bool
    seq: int


def _waits(log: RunLog, spec: Within) -> Iterator[Wait]:
    """Every cause, with the first answer after it."""
    begun, ended = _marks(log, spec.from_, spec.to)
    end = duration_us(log)
    for key, moments in begun.items():
        after = ended.get(key, [])
        for t, seq in moments:
            i = bisect_left(after, (t, seq))
            yield Wait(after[i][0] - t, True, seq) if i < len(after) else Wait(end - t, False, seq)


Moments = dict[str, list[tuple[int, int]]]


def _marks(log: RunLog, begin: str, end: str) -> tuple[Moments, Moments]:
    """Moments (t_us, seq) of two marks, by cell; by job where a job's arrival is one of them. A withdrawn job owes nothing."""
    by = "job" if "arrived" in (begin, end) else "cell"
    told = rows(log.events, ("kind", "seq", by, "t_us"), table="events",
                kinds=(MARK_KINDS[begin], MARK_KINDS[end], "job.cancelled"))  # fmt: skip
    begun: Moments = {}
    ended: Moments = {}
    cancelled: list[Any] = []
    for _, kind, seq, key, t in told:
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
