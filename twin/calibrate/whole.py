"""A plan from its file to all of its results."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from twin.calibrate import parts
from twin.calibrate.given import Given, Say
from twin.calibrate.result import PartResult
from twin.calibrate.spec import Plan
from twin.core.errors import InputError, nearest
from twin.farm.spec import FleetSpec
from twin.scenario.load import load_fleet


@dataclass(frozen=True)
class Calibration:
    """What all parts of a plan found."""

    plan: Plan
    results: tuple[PartResult, ...]


def calibrate(plan: Plan, only: Collection[str] = (), say: Say = lambda text: None) -> Calibration:
    """Fit the parts of a plan in its order; `only`: by name or kind. Raises `InputError`, and what reading logs raises."""
    listed = list(plan.parts())
    known = dict.fromkeys(name for given, part in listed for name in (given, part.kind))
    if unknown := [name for name in only if name not in known]:
        raise InputError(f"the plan has no part {unknown[0]!r}{nearest(unknown[0], known, what='parts')}")
    chosen = [(name, part) for name, part in listed if not only or name in only or part.kind in only]
    spec = plan.spec
    fleet: FleetSpec | None = load_fleet(plan.folder / spec.fleet) if spec.fleet else None
    names, beside = {id(part): name for name, part in listed}, (plan.folder / (spec.fleet or "")).parent
    given = Given(dict(spec.logs), plan.folder, names, spec.confidence, spec.seed, fleet, say, beside)
    for i, (name, part) in enumerate(chosen):
        say(f"{name} ({i + 1} of {len(chosen)})")
        given.results.append(parts.fit(part, given))
    return Calibration(plan, tuple(given.results))
