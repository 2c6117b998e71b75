"""Spec of the part `farm`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.calibrate.partspec import PartSpec
from twin.core.spec import Spec


class AdjustSpec(Spec):
    """Which summary of the log fixes a number of the scenario, and between which values it lies."""

    summary: str
    """As the report calls it: `duration 50% (s)`."""
    log: str | None = None
    """Of which log; left out: of the one that the runs are held against."""
    low: float = Field(gt=0)
    high: float = Field(gt=0)


class FarmSpec(PartSpec):
    """A scenario is run on the fleet with what the parts before this one found, once a seed, and compared with the log.

    {kind: farm, log: bay, scenario: scenario.yaml, seeds: 19}
    """

    kind: Literal["farm"]
    scenario: str
    """Beside the plan; what was asked of the real farm."""
    engine: Literal["kinematic", "mujoco"] = "kinematic"
    seeds: int = Field(default=19, ge=19, le=10_000)
    """Runs, as many at least as 90 % intervals need. Each has parameters of its own, drawn from what is believed of them."""
    hours: float | None = Field(default=None, gt=0)
    """Of each run; left out: as long as the log, without its pauses."""
    set: dict[str, float | int | str] = Field(default_factory=dict)
    """Values of the fleet for these runs only, by path (`robots.ur3.control_ms: 200`): what the check does not hang on."""
    adjust: dict[str, AdjustSpec] = Field(default_factory=dict)
    """Numbers of the scenario that no log tells directly, by path (`policy.speed`): moved until runs have a summary of the log.
    That summary is then no evidence, and is not counted among those that lie inside."""
    workers: int = Field(default=2, ge=1)
