"""Entry of the part `reliability`: what fails how often, whether that stays, and how long it takes to mend."""

from __future__ import annotations

from twin.calibrate.episodelog import Episodes
from twin.calibrate.found import Found
from twin.calibrate.given import Given
from twin.calibrate.laws import law_estimates
from twin.calibrate.logspec import FailureLog
from twin.calibrate.reliability import faults, history, repairs, tell
from twin.calibrate.reliability.history import Happened
from twin.calibrate.reliability.owners import Owner, owners
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import Finding, PartResult, Path
from twin.calibrate.stats.lifetimes import Times, choose
from twin.calibrate.stats.shared import common_cause
from twin.core.errors import TableError


def fit(spec: ReliabilitySpec, given: Given) -> PartResult:
    """What the log tells of failures. Raises `TableError` where it tells of none of what was asked for."""
    log = given.episodes(spec.log, also=FailureLog)
    found = Found(findings=list(log.findings))
    asked = _asked(spec, log)
    all_owners = owners(spec, given, log, found) if _of_breakages(log) else []
    if log.components and "" not in log.components:
        text = "every failure is of a component: what the fleet file says of the robot as a whole (fails_h) goes on beside them"
        found.findings.append(Finding("note", text))
    for what in asked:
        given.say(f"{given.name(spec)}: {what}")
        cells = history.happened(log.frame, log.events, what)
        if what == "breakage":
            for owner in all_owners:
                _components(spec, given, log, owner, found)
        else:
            faults.symptom(spec, given, log, what, cells, found)
        _together(spec, given, what, cells, found)
    for owner in all_owners if "breakage" not in asked else ():
        _repairs(spec, given, log, owner, repairs.hours(log.events, owner.cells), found)
    return PartResult(
        "reliability", given.name(spec), tuple(found.estimates), (), tuple(found.findings), tuple(found.figures), found.facts
    )


def _of_breakages(log: Episodes) -> bool:
    """Whether a log would tell of a breakage: one that a map made knows symptoms only."""
    return log.events is not None and log.map is None


def _asked(spec: ReliabilitySpec, log: Episodes) -> list[str]:
    seen = history.symptoms_seen(log.frame)
    told = not log.frame["symptoms"].isna().all()
    if spec.of is not None:
        if missing := [w for w in spec.of if not (_of_breakages(log) if w == "breakage" else told)]:
            need = (
                "a run folder, or a table of failures (kind: failures)" if missing[0] == "breakage" else "the column symptoms"
            )
            raise TableError(f"log {spec.log!r} cannot tell of {missing[0]}: that needs {need}")
        return list(spec.of)
    found = ["breakage"] * _of_breakages(log) + [name for name in seen if name in history.EVENT_OF]
    if not found:
        why = "no episode has a symptom" if told else "it has neither events nor symptoms"
        raise TableError(f"log {spec.log!r}: {why}; say `of: [protective_stop]` for a bound on what did not happen")
    return found


def joined(cells: list[Happened], *, new: bool) -> Times | None:
    """Times between happenings of several cells."""
    parts = [t for t in (c.times(new=new) for c in cells) if t is not None]
    return Times.joined(parts) if parts else None


def _components(spec: ReliabilitySpec, given: Given, log: Episodes, owner: Owner, found: Found) -> None:
    """Lives and repairs of robots that share one, each component's by itself where the log tells them apart."""
    for name, events in (log.components or {"": log.events}).items():
        part = owner if not name else Owner(f"{name} of {owner.label}", (*owner.path, "components", name), owner.cells)
        cells = history.happened(log.frame, events, "breakage")
        _breakages(spec, given, log, part, [c for c in cells if c.cell in owner.cells], found)
        _repairs(spec, given, log, part, repairs.hours(events, owner.cells), found)


def _breakages(spec: ReliabilitySpec, given: Given, log: Episodes, owner: Owner, cells: list[Happened], found: Found) -> None:
    """Lives of robots that share one."""
    sim = set(log.frame["source"].dropna().unique()) == {"sim"}
    new = sim if spec.new_at_start is None else spec.new_at_start
    path: Path = (*owner.path, "fails_h")
    hours = sum(c.operated for c in cells) / 3600
    times = joined(cells, new=new)
    label = f"breakages of {owner.label}"
    count = sum(c.count for c in cells)
    if times is None or times.events == 0:
        tell.nothing_happened(label, hours, (*path, "mean"), log.source, given.confidence, found)
        return
    hourly = times.in_units_of(3600)
    laws = choose(hourly, given.stream(spec, f"{owner.label}/breakage"), spec.families)
    found.estimates += law_estimates(laws[0], path, given.confidence, unit="h", source=log.source, life=True)
    tell.laws(label, laws, hourly, "h of operation", count, hours, found)
    if tell.steadiness(label, cells, given.stream(spec, f"{owner.label}/breakage/trend"), found):
        text = f"{label}: a life in the fleet file knows the time since the last repair only, so that the trend is not in it"
        found.findings.append(Finding("warning", text))


def _repairs(spec: ReliabilitySpec, given: Given, log: Episodes, owner: Owner, times: Times | None, found: Found) -> None:
    if times is None:
        return
    if times.events < 3:
        text = f"repairs of {owner.label}: {times.events} were seen to their end; too few for a law"
        found.findings.append(Finding("warning", text))
        return
    laws = choose(times, given.stream(spec, f"{owner.label}/repair"), ("exponential", "weibull", "lognormal", "mixture"))
    path = (*owner.path, "repair_h")
    found.estimates += law_estimates(laws[0], path, given.confidence, unit="h", source=log.source)
    tell.laws(f"repairs of {owner.label}", laws, times, "h", times.events, None, found)


def _together(spec: ReliabilitySpec, given: Given, what: str, cells: list[Happened], found: Found) -> None:
    """Whether cells have it together. Cells of different runs share no clock."""
    runs = {c.cell.rpartition("/")[0] for c in cells}
    if len(runs) > 1 or len(cells) < 2:
        return
    until = max((float(c.began.max()) for c in cells if c.began.size), default=0.0)
    if until <= 0:
        return
    told = common_cause([c.at for c in cells], until, spec.together_s, given.stream(spec, f"{what}/together"))
    if told is None:
        return
    found.facts[f"{what}_together"] = vars(told)
    if told.p < 0.01:
        text = (
            f"{what}: {told.share:.0%} had company of another robot within {spec.together_s:g} s, by chance "
            f"{told.by_chance:.0%} would (p = {told.p:.3g}): a common cause takes {told.beta:.0%} "
            f"[{told.low:.0%}, {told.high:.0%}] of them, "
            "which faults of single cells do not play"
        )
        found.findings.append(Finding("warning", text))
