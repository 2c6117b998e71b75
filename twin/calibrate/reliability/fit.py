"""Entry of the part `reliability`: what fails how often, whether that stays, and how long it takes to mend."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np

from twin.calibrate.episodelog import Episodes
from twin.calibrate.found import Found
from twin.calibrate.given import Given
from twin.calibrate.laws import law_estimates
from twin.calibrate.reliability import faults, history, repairs, tell
from twin.calibrate.reliability.history import Happened
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import Finding, PartResult, Path
from twin.calibrate.stats.lifetimes import Law, Times, choose
from twin.calibrate.stats.shared import common_cause
from twin.core.errors import TableError
from twin.scenario.cells import expand, only_site


def fit(spec: ReliabilitySpec, given: Given) -> PartResult:
    """What the log tells of failures. Raises `TableError` where it tells of none of what was asked for."""
    log = given.episodes(spec.log, failures=True)
    found = Found()
    for what in _asked(spec, log):
        given.say(f"{given.name(spec)}: {what}")
        cells = history.happened(log.frame, log.events, what)
        if what == "breakage":
            _breakages(spec, given, log, cells, found)
        else:
            faults.symptom(spec, given, log, what, cells, found)
        _together(spec, given, what, cells, found)
    if log.events is not None:
        for kind, told in repairs.by_kind(log.events, kinds(given)).items():
            _repairs(spec, given, log, kind, told, found)
    return PartResult(
        "reliability", given.name(spec), tuple(found.estimates), (), tuple(found.findings), tuple(found.figures), found.facts
    )


def _asked(spec: ReliabilitySpec, log: Episodes) -> list[str]:
    seen = history.symptoms_seen(log.frame)
    told = not log.frame["symptoms"].isna().all()
    if spec.of is not None:
        if missing := [w for w in spec.of if (log.events is None if w == "breakage" else not told)]:
            need = "an event table (a run folder)" if missing[0] == "breakage" else "the column symptoms"
            raise TableError(f"log {spec.log!r} cannot tell of {missing[0]}: that needs {need}")
        return list(spec.of)
    breakages = ["breakage"] if log.events is not None and log.map is None else []
    found = breakages + [name for name in seen if name in history.EVENT_OF]
    if not found:
        why = "no episode has a symptom" if told else "it has neither events nor symptoms"
        raise TableError(f"log {spec.log!r}: {why}; say `of: [protective_stop]` for a bound on what did not happen")
    return found


def kinds(given: Given) -> dict[str, str]:
    """Cell → kind of robot, by the plan's fleet; empty without one."""
    if given.fleet is None:
        return {}
    cells = expand(enumerate(given.fleet.cells), only_site(given.fleet.sites))
    return {cell.name: cell.spec.robots[0].robot for cell in cells}


def _by_kind(given: Given, cells: list[Happened]) -> dict[str, list[Happened]]:
    known = kinds(given)
    out: dict[str, list[Happened]] = {}
    for cell in cells:
        name = cell.cell.rpartition("/")[2]
        kind = next((k for pattern, k in known.items() if fnmatchcase(name, pattern)), "")
        out.setdefault(kind, []).append(cell)
    return out


def joined(cells: list[Happened], *, new: bool) -> Times | None:
    """Times between happenings of several cells."""
    parts = [t for t in (c.times(new=new) for c in cells) if t is not None]
    return Times(np.concatenate([p.t for p in parts]), np.concatenate([p.ended for p in parts])) if parts else None


def _breakages(spec: ReliabilitySpec, given: Given, log: Episodes, cells: list[Happened], found: Found) -> None:
    sim = set(log.frame["source"].dropna().unique()) == {"sim"}
    new = sim if spec.new_at_start is None else spec.new_at_start
    for kind, members in _by_kind(given, cells).items():
        path: Path = ("robots", kind, "reliability", "fails_h") if kind else ("models", given.name(spec), "fails_h")
        hours = sum(c.operated for c in members) / 3600
        times = joined(members, new=new)
        label = f"breakages of {kind or 'all robots'}"
        count = sum(c.count for c in members)
        if times is None or times.events == 0:
            tell.nothing_happened(label, hours, (*path, "mean"), log.source, given.confidence, found)
            continue
        hourly = Times(times.t / 3600, times.ended)
        laws = choose(hourly, given.stream(spec, f"{kind}/breakage"), spec.families)
        found.estimates += law_estimates(laws[0], path, given.confidence, unit="h", source=log.source, life=True)
        tell.laws(label, laws, hourly, "h of operation", count, hours, found)
        tell.steadiness(label, members, given.stream(spec, f"{kind}/breakage/trend"), found)


def _repairs(spec: ReliabilitySpec, given: Given, log: Episodes, kind: str, times: Times, found: Found) -> None:
    path: Path = ("robots", kind, "reliability", "repair_h") if kind else ("models", given.name(spec), "repair_h")
    if times.events < 3:
        found.findings.append(Finding("warning", f"repairs: {times.events} were seen to their end; too few for a law"))
        return
    laws: list[Law] = choose(times, given.stream(spec, f"{kind}/repair"), ("exponential", "weibull", "lognormal", "mixture"))
    found.estimates += law_estimates(laws[0], path, given.confidence, unit="h", source=log.source)
    tell.laws(f"repairs of {kind or 'all robots'}", laws, times, "h", times.events, None, found)


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
