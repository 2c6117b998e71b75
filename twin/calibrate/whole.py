"""A plan from its file to all of its results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from twin.calibrate import overlay, parts
from twin.calibrate.given import Given, Say
from twin.calibrate.result import PartResult
from twin.calibrate.spec import AnyPart, Plan
from twin.core.errors import InputError, RunFolderError, TwinError, nearest
from twin.farm.spec import FleetSpec
from twin.scenario.load import load_fleet


@dataclass(frozen=True)
class Failed:
    """A part that found nothing, and why."""

    name: str
    part: str
    place: str
    """Where it stands in the plan: file:line:column."""
    error: TwinError

    def __str__(self) -> str:
        return f"{self.place}: part {self.name!r}: {self.error}"


@dataclass(frozen=True)
class Calibration:
    """What the parts of a plan found, and those that failed."""

    plan: Plan
    results: tuple[PartResult, ...]
    failed: tuple[Failed, ...] = ()


def calibrate(plan: Plan, only: Collection[str] = (), say: Say = lambda text: None) -> Calibration:
    """Fit the parts of a plan in its order; `only`: by name or kind. Raises `InputError`, and what reading logs raises."""
    return _fitted(plan, only, say, go_on=False)


def attempt(plan: Plan, only: Collection[str] = (), say: Say = lambda text: None) -> Calibration:
    """The same, but a part that fails takes nothing from the others: it is told beside what they found.

    A check of the whole farm rests on all parts before it and is not made where one failed. Raises `InputError` for a part that
    the plan does not have, and for a fleet that cannot be read.
    """
    return _fitted(plan, only, say, go_on=True)


def _fitted(plan: Plan, only: Collection[str], say: Say, *, go_on: bool) -> Calibration:
    listed = list(plan.parts())
    known = dict.fromkeys(name for given, part in listed for name in (given, part.kind))
    if unknown := [name for name in only if name not in known]:
        raise InputError(f"the plan has no part {unknown[0]!r}{nearest(unknown[0], known, what='parts')}")
    chosen = [(i, name, part) for i, (name, part) in enumerate(listed) if not only or name in only or part.kind in only]
    spec = plan.spec
    fleet: FleetSpec | None = load_fleet(plan.folder / spec.fleet) if spec.fleet else None
    names, beside = {id(part): name for name, part in listed}, (plan.folder / (spec.fleet or "")).parent
    given = Given(dict(spec.logs), plan.folder, names, spec.confidence, spec.seed, fleet, say, beside)
    failed: list[Failed] = []
    for done, (i, name, part) in enumerate(chosen, start=1):
        say(f"{name} ({done} of {len(chosen)})")
        try:
            given.results.append(_one(part, given, failed))
        except (InputError, RunFolderError) as error:
            if not go_on:
                raise
            failed.append(Failed(name, part.kind, plan.place(i), error))
            say(f"{name} failed")
    return Calibration(plan, tuple(given.results), tuple(failed))


def _one(part: AnyPart, given: Given, failed: Sequence[Failed]) -> PartResult:
    """What a part finds, where it goes together with what the others found."""
    if part.kind == "farm" and failed:
        others = ", ".join(repr(one.name) for one in failed)
        raise InputError(f"not run: it rests on the parts before it, of which {others} failed")
    found = parts.fit(part, given)
    overlay.as_data([*given.results, found], overlay.Made("", ""))
    return found
