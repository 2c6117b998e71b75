"""Releases: a mixed fleet, configurations with which nothing starts, and the roll-back of both."""

from __future__ import annotations

from typing import ClassVar, Literal

from twin.faults.process import Down, ProcessFault


class MixedRelease(ProcessFault):
    """Its cells run another of the scenario's `releases` (policy, filters, scheduler) from the next episode on."""

    EFFECT: ClassVar[str] = "episodes run under the other version"
    UNIT: ClassVar[str] = "episodes"
    NEEDS_LANES: ClassVar[bool] = True
    IN_LANE: ClassVar[bool] = True

    component: Literal["release"]
    mode: Literal["mixed"]
    release: str
    """A key of the scenario's `releases`."""


class BadConfiguration(Down):
    """A configuration with which the cell controller does not start: what runs is finished, and nothing begins before the
    roll-back."""

    EFFECT: ClassVar[str] = "time without work for want of a configuration that starts"
    WHY: ClassVar[str] = "configuration"
    AT_ONCE: ClassVar[bool] = False

    component: Literal["release"]
    mode: Literal["bad_configuration"]


class RollBack(ProcessFault):
    """What is rolled out on its cells is taken back before its time: other releases from the next episode on, and bad
    configurations at once."""

    EFFECT: ClassVar[str] = "roll-outs taken back"
    UNIT: ClassVar[str] = "roll-outs"
    ENDS_ITSELF: ClassVar[bool] = True

    component: Literal["release"]
    mode: Literal["roll_back"]


MODES = (MixedRelease, BadConfiguration, RollBack)
"""In the order in which they are listed."""
