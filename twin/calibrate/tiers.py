"""Physics against the outcome tier on one scenario: `twin tiers`.

Half of the seeds are run in physics to fit the outcome model; the others are run in both tiers and set side by side, by the
same statistics as simulation against real robots. What is compared was not fitted to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from twin.calibrate.outcomes import fit
from twin.core.errors import InputError
from twin.farm.ladder import ReverseRung
from twin.farm.outcomes import OutcomeModel
from twin.judge import compare as episodes
from twin.judge import waiting
from twin.judge.compare import Comparison
from twin.judge.waiting import Waiting
from twin.log.tables import RunLog, open_run, read_run
from twin.scenario.load import Scenario, remade
from twin.scenario.tiers import policy_key, policy_name
from twin.suite.plan import Unit, unit_of
from twin.suite.pool import Seen, Workers

NAMES = ("outcome tier", "physics")


@dataclass(frozen=True)
class Tiers:
    """One scenario in both tiers: episode by episode, and what the farms came to; the model and what a reader should know."""

    scenario: str
    seeds: tuple[int, ...]
    fitted: tuple[int, ...]
    model: Mapping[str, Any]
    episodes: Comparison
    farm: Waiting
    notes: tuple[str, ...]
    folders: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "scenario": self.scenario, "seeds": list(self.seeds), "fitted_to_seeds": list(self.fitted),
            "model": dict(self.model), "episodes": self.episodes.as_dict(), "farm": self.farm.as_dict(),
            "notes": list(self.notes),
            "runs": {tier: list(folders) for tier, folders in self.folders.items()},
        }  # fmt: skip


def beside(
    scenario: Scenario, out: Path, workers: Workers, *, seeds: int, margins: Mapping[str, float], seen: Seen | None = None
) -> Tiers:
    """Run 2 × `seeds` in physics and `seeds` in the outcome tier. Raises `InputError` where the scenario has no physics, or its
    ladder asks for what no table of episodes tells."""
    first, physics = scenario.seed, planned(scenario, seeds)
    ran = _run(workers, physics, out, seen)
    fitted, held = ran[:seeds], ran[seeds:]
    found = fit(pd.concat([read_run(f).episodes for f in fitted], ignore_index=True), f"{scenario.name}, physics tier")
    drawn, notes = other_tier(scenario, found.model)
    own = [unit_of(drawn).seeded(first + seeds + k) for k in range(seeds)]
    outcome = _run(workers, own, out, seen)
    sides = [[open_run(folder) for folder in folders] for folders in (outcome, held)]
    tables = [_episodes(side) for side in sides]
    return Tiers(
        scenario.name,
        tuple(range(first + seeds, first + 2 * seeds)),
        tuple(range(first, first + seeds)),
        found.model,
        episodes.compare(tables[0], tables[1], margins),
        waiting.compare(sides[0], sides[1], NAMES),
        (*found.notes, *notes),
        {"fitted": tuple(map(str, fitted)), "physics": tuple(map(str, held)), "outcome": tuple(map(str, outcome))},
    )


def planned(scenario: Scenario, seeds: int) -> list[Unit]:
    """The runs in physics."""
    if scenario.spec.tier != "physics":
        raise InputError(
            f"{scenario.name} is a scenario of tier outcome: give one of tier physics, its outcomes are fitted here"
        )
    return [unit_of(scenario).seeded(scenario.seed + k) for k in range(2 * seeds)]


def _run(workers: Workers, units: Sequence[Unit], out: Path, seen: Seen | None) -> list[Path]:
    """The folders of some runs, in their order."""
    rows = {(row.scenario, row.seed): row for row in workers.run(units, out, seen).rows}
    found = [rows[(unit.scenario.name, unit.scenario.seed)] for unit in units]
    lost = next((row for row in found if row.folder is None), None)
    if lost is not None:
        raise InputError(f"{lost.scenario}, seed {lost.seed}, did not run: {'; '.join(lost.reasons)}")
    return [Path(str(row.folder)) for row in found]


def _episodes(side: Sequence[RunLog]) -> pd.DataFrame:
    """The episodes of all runs of a side."""
    return pd.concat([read_run(log.folder).episodes for log in side], ignore_index=True)


def other_tier(scenario: Scenario, model: Mapping[str, Any]) -> tuple[Scenario, list[str]]:
    """The same farm and work with drawn episodes, and what was left out. The effects of faults that act on signals are in the
    outcomes, for they acted while these were collected."""
    data = scenario.spec.model_dump(mode="json", by_alias=True)
    name, version = policy_name(scenario.spec.policy)
    gone: list[Any] = [fault for fault in scenario.spec.faults if fault.drawn() is not fault]
    kept = [item for item, fault in zip(data["faults"], scenario.spec.faults, strict=True) if fault not in gone]
    data |= {"tier": "outcome", "policy": {"kind": "known", "name": name} | ({"version": version} if version else {})}
    data |= {"scenario": f"{scenario.name}-outcome", "faults": kept, "checks": [], "releases": {}, "log": {}}
    data["fleet"]["outcomes"] = dict(model)
    try:
        drawn = remade(scenario, data)
    except ValidationError as error:
        raise InputError(f"{scenario.name} cannot be run in the outcome tier: {error.errors()[0]['msg']}") from error
    _covered(drawn, OutcomeModel.model_validate(model, strict=False))
    words = sorted({f"{fault.component}/{fault.mode}" for fault in gone})
    return drawn, [f"faults that act on signals are in the fitted outcomes only: {', '.join(words)}"] if words else []


def _covered(drawn: Scenario, model: OutcomeModel) -> None:
    """Refuse a ladder whose reverse rung has no outcomes."""
    policy = policy_key(drawn.spec.policy)
    for rung in drawn.spec.fleet.resets:
        tasks = rung.of.values() if isinstance(rung, ReverseRung) else ()
        if isinstance(rung, ReverseRung) and not rung.of:
            raise InputError("the ladder's rung 'reverse' needs 'of: {task: reverse}' to be drawn in the outcome tier")
        for task in tasks:
            if all(model.find(task, policy, robot.model, 1) is None for robot in drawn.spec.fleet.robots.values()):
                raise InputError(
                    f"no episode of {task!r} was run, which the ladder's rung 'reverse' asks for: give it as a job too"
                )
