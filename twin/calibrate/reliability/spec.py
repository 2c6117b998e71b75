"""Spec of the part `reliability`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.calibrate.partspec import PartSpec

Happening = Literal["breakage", "protective_stop", "grip_loss", "object_lost", "link_timeout"]


class ReliabilitySpec(PartSpec):
    """What fails how often: times between, repairs, trend, clusters, common causes.

    {kind: reliability, log: bay, of: [breakage, protective_stop]}
    """

    kind: Literal["reliability"]
    of: tuple[Happening, ...] | None = None
    """What to fit; left out: breakages, where the log has events, and every symptom that it saw."""
    per: Literal["all", "robot"] = "all"
    """Whether stops and grip losses are faults of the fleet, lives and repairs those of a kind of robot; or each cell has its
    own faults, each robot its own life, by its serial."""
    course: Literal["replay", "now"] = "now"
    """Of a rate that changes: its course over the log, for a replay of it; or what it was at the end, for what comes next."""
    new_at_start: bool | None = None
    """Whether robots were new when the log began; left out: in simulated logs they were, and those of real logs had run before,
    nobody knows for how long."""
    together_s: float = Field(default=60.0, gt=0)
    """Happenings of several robots within this time may have one cause."""
    families: tuple[Literal["exponential", "weibull", "lognormal", "mixture", "defective"], ...] = Field(
        default=("exponential", "weibull", "lognormal", "mixture", "defective"), min_length=1
    )
