"""Checks of what a farm owes: `holds`. Each reads the events in their order, and keeps its own model of what should follow.

A rule passes where it was put to the test and kept, and is undecided where nothing of its kind happened.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from twin.judge.checks import liveness
from twin.judge.checks.lines import Found, Line, lines, stormy
from twin.judge.checks.result import SHOWN, CheckResult
from twin.judge.columns import US, duration_us
from twin.judge.happenings import keeps_all
from twin.judge.spec import Holds
from twin.log.tables import RunLog

STOP_S = {0: 0.5, 1: 2.0, 2: 2.0}
"""In so many seconds a stop of each category is at rest, where the check names none."""


def _stops(spec: Holds, log: RunLog) -> Found:
    """Every stop of a moving robot comes to rest in its category's time (and distance), and nothing moves until the start."""
    waiting: dict[str, Line] = {}
    cases, broken, end = 0, [], duration_us(log)
    for line in lines(log):
        if line.kind in ("stop.protective", "stop.emergency"):
            waiting[line.cell] = line
        elif line.kind == "stop.standstill" and line.cell in waiting:
            asked, cases = waiting.pop(line.cell), cases + 1
            late = line.payload["time_s"] > (spec.limit or STOP_S[int(line.payload["category"])])
            far = spec.metres is not None and line.payload["distance_m"] > spec.metres
            broken += [asked.seq] if late or far or line.payload["moved"] else []
        elif line.kind == "filter.breach" and line.payload.get("what") == "stop_violation":
            cases, broken = cases + 1, [*broken, line.seq]
        elif line.kind in ("episode.end", "stop.cleared"):
            waiting.pop(line.cell, None)  # stopped between episodes, or cut short: there was nothing to measure
    broken += [s.seq for s in waiting.values() if end - s.t_us > (spec.limit or max(STOP_S.values())) * US]
    return Found(cases + len(broken), broken)


def _authority(spec: Holds, log: RunLog) -> Found:
    """Nobody takes over a robot that another has taken over, no cell is leased to a second job, and leases only grow."""
    holder: dict[tuple[str, str], Any] = {}
    newest: dict[tuple[str, str], int] = {}
    cases, broken = 0, []
    for line in lines(log):
        if line.kind in ("authority.taken", "authority.granted"):
            key = (line.kind, line.cell)
            lease = int(line.payload.get("lease", 0))
            broken += [line.seq] if key in holder or lease < newest.get(key, 0) + (key in newest) else []
            cases, newest[key], holder[key] = cases + 1, lease, line.seq
        elif line.kind in ("authority.returned", "authority.lost", "authority.released"):
            key = ("authority.granted" if line.kind == "authority.released" else "authority.taken", line.cell)
            broken += [line.seq] if holder.pop(key, None) is None else []
    return Found(cases, broken)


def _idle_when_faulty(spec: Holds, log: RunLog) -> Found:
    """No job is given to a cell, and no episode begins on one, that is stopped, waits for a repair or is out of service."""
    closed: dict[str, set[str]] = {}
    cases, broken = 0, []
    for line in lines(log):
        state = closed.setdefault(line.cell, set())
        match line.kind:
            case "repair.start" | "reset.abandoned":
                cases += 1
                state.add("broken")
            case "repair.done":
                state.discard("broken")
            case "stop.protective" | "stop.emergency":
                cases += 1
                state.add("stopped")
            case "stop.cleared":
                state.discard("stopped")
            case "episode.start" | "authority.granted" if state:
                broken.append(line.seq)
    return Found(cases, broken)


def _nothing_after_failure(spec: Holds, log: RunLog) -> Found:
    """No episode of a job begins after the job failed or was withdrawn."""
    over: set[str] = set()
    broken = []
    for line in lines(log):
        if line.kind in ("job.failed", "job.cancelled"):
            over.add(line.job)
        elif line.kind == "episode.start" and line.job in over:
            broken.append(line.seq)
    return Found(len(over), broken)


def _pages(spec: Holds, log: RunLog) -> Found:
    """Every call is answered in time, or dropped in time and followed by another call, another rung or the end of the cell's
    service."""
    open_: dict[Any, Line] = {}
    dropped: dict[str, Line] = {}
    patience, cases, late = (spec.limit or 1800.0) * US, 0, []
    for line in lines(log):
        if line.kind == "page.sent":
            cases, open_[line.payload.get("page")] = cases + 1, line
        elif line.kind in ("page.answered", "page.expired", "page.done"):
            sent = open_.pop(line.payload.get("page"), None)
            late += [sent.seq] if sent is not None and line.t_us - sent.t_us > patience else []
        if line.kind == "page.expired":
            dropped[line.cell] = line
        elif line.kind in ("page.sent", "reset.start", "reset.stuck", "reset.abandoned", "repair.start", "repair.done"):
            was = dropped.pop(line.cell, None)
            late += [was.seq] if was is not None and line.t_us - was.t_us > patience else []
    late += [line.seq for line in (*open_.values(), *dropped.values()) if duration_us(log) - line.t_us > patience]
    return Found(cases, late)


def _no_storm(spec: Holds, log: RunLog) -> Found:
    """No cell resets itself more often than so many times in ten minutes without an episode in between."""
    tries: dict[str, deque[int]] = {}
    cases, broken = 0, []
    for line in lines(log):
        if line.kind == "episode.start":
            tries.pop(line.cell, None)
        elif line.kind == "reset.start":
            cases += 1
            broken += [line.seq] if stormy(tries.setdefault(line.cell, deque()), line.t_us, spec.limit or 10) else []
    return Found(cases, broken)


def _conserved(spec: Holds, log: RunLog) -> Found:
    """Every episode that began ended once, or was running on its cell when the log ends."""
    begun: dict[int, Line] = {}
    cases, broken, last = 0, [], Counter[str]()
    for line in lines(log):
        number = line.episode
        if line.kind == "episode.start":
            cases += 1
            begun[int(number)] = line
            last[line.cell] = int(number)
        elif line.kind == "episode.end" and begun.pop(int(number), None) is None:
            broken.append(line.seq)
    broken += [line.seq for number, line in begun.items() if last[line.cell] != number]
    return Found(cases, broken)


def _fallback(spec: Holds, log: RunLog) -> Found:
    """A filter that fails stops its cell at the same instant, and the event names it."""
    failed: list[Line] = []
    broken, cases = [], 0
    for line in lines(log):
        if line.kind == "filter.failed":
            cases += 1
            failed.append(line)
            broken += [] if line.payload.get("filter") else [line.seq]
        elif line.kind == "stop.protective":
            failed = [f for f in failed if f.cell != line.cell]
        elif failed and line.t_us > failed[0].t_us:
            broken += [f.seq for f in failed]
            failed = []
    return Found(cases, broken + [f.seq for f in failed])


def _inspected(spec: Holds, log: RunLog) -> Found:
    """A robot that was repaired, or without controller or power, passes a self-test before its next episode."""
    doubtful: set[str] = set()
    cases, broken = 0, []
    for line in lines(log):
        gone = line.kind == "authority.withdrawn" and line.payload.get("reason") in ("controller", "power")
        gone |= line.kind == "fault.onset" and line.payload.get("mode") in ("crash", "power_cut")
        if gone or line.kind == "repair.done":
            cases += 1
            doubtful.add(line.cell)
        elif line.kind == "repair.tested" and line.payload.get("passed"):
            doubtful.discard(line.cell)
        elif line.kind == "episode.start" and line.cell in doubtful:
            broken.append(line.seq)
    return Found(cases, broken)


RULES: Mapping[str, Callable[[Holds, RunLog], Found]] = {
    "stops_stand": _stops,
    "one_authority": _authority,
    "no_work_while_faulty": _idle_when_faulty,
    "nothing_after_failure": _nothing_after_failure,
    "pages_are_answered": _pages,
    "no_reset_storm": _no_storm,
    "episodes_are_conserved": _conserved,
    "fallback_at_once": _fallback,
    "stuck_is_dealt_with": liveness.stuck,
    "no_retry_storm": liveness.no_retry_storm,
    "queues_are_bounded": liveness.queues,
    "nobody_starves": liveness.nobody_starves,
    "the_rest_goes_on": liveness.rest_goes_on,
    "inspected_before_work": _inspected,
}
EVERYDAY = ("no_work_while_faulty", "nothing_after_failure", "no_reset_storm", "episodes_are_conserved", "no_retry_storm",
            "the_rest_goes_on", "inspected_before_work")  # fmt: skip
"""Rules that read what a log which keeps exceptions leaves out."""


def holds(spec: Holds, log: RunLog) -> CheckResult:
    """Whether a rule was kept throughout."""
    name = f"holds {spec.rule}"
    if spec.rule in EVERYDAY and not keeps_all(log):
        return CheckResult(
            name, None, None, "0 times", "the log keeps exceptions only; `log: {events: all}` keeps what this reads"
        )
    found = RULES[spec.rule](spec, log)
    broken = sorted(set(found.broken))
    passed = False if broken else True if found.cases else None
    detail = f"{found.cases} cases, {len(broken)} against the rule" if found.cases else "nothing of its kind happened"
    evidence = tuple(f"event {seq}" for seq in broken[:SHOWN])
    return CheckResult(name, passed, float(len(broken)) if found.cases else None, "0 times", detail, evidence)
