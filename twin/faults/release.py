"""Releases: a mixed fleet, and configurations with which nothing starts. Both end with their roll-back."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from twin.faults.injection import Injection
from twin.faults.process import ProcessFault


class MixedRelease(ProcessFault):
    """Its cells run another of the scenario's `releases` (policy, filters) from their next episode on, until the roll-back."""

    EFFECT: ClassVar[str] = "episodes run under the other version"
    UNIT: ClassVar[str] = "episodes"
    NEEDS_LANES: ClassVar[bool] = True

    component: Literal["release"]
    mode: Literal["mixed"]
    release: str
    """A key of the scenario's `releases`."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It is rolled out."""
        farm.lanes[fault.lane].releases.roll_out(fault, self.release)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It is rolled back."""
        farm.lanes[fault.lane].releases.roll_back(fault)


class BadConfiguration(ProcessFault):
    """A configuration with which the cell controller does not start: what runs is finished, and nothing begins before the
    roll-back."""

    EFFECT: ClassVar[str] = "time without work for want of a configuration that starts"
    UNIT: ClassVar[str] = "s"

    component: Literal["release"]
    mode: Literal["bad_configuration"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It is rolled out."""
        farm.controllers.down(farm, fault.cell, fault, "configuration", at_once=False)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It is rolled back."""
        farm.controllers.up(farm, fault.cell, fault)


MODES = (MixedRelease, BadConfiguration)
"""In the order in which they are listed."""
