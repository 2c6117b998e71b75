"""Faults that act outside a lane's loop: on controllers, servers, strategies, people, recorders, stops, power.

They only say what they are. The farm carries them out and measures them (`twin/farm/site.py`, and whoever asks `InForce`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from twin.faults.spec import Fault

Aim = Literal["cell", "group", "pool", "server", "strategy"]


class ProcessFault(Fault):
    """A fault that the farm begins and ends."""

    PORT: ClassVar[str] = "process"
    AIM: ClassVar[Aim] = "cell"
    """What a target names: a cell; a group of cells that are hit together; people, a policy server or a strategy."""
    NEEDS_LANES: ClassVar[bool] = False
    """It acts on commands or messages, which the outcome tier does not have."""
    ENDS_ITSELF: ClassVar[bool] = False
    """It is over when what it began is over (a stop is unlocked, a robot repaired); `duration_s` has no meaning."""
    IN_LANE: ClassVar[bool] = False
    """Its cell's lane carries it out."""
    PART: ClassVar[Fault | None] = None
    """What it is on each cell of its group, where it acts at a port of their lanes."""

    def drawn(self) -> Fault | None:
        """The same, unless it needs lanes."""
        return None if self.NEEDS_LANES else self


class LateFault(ProcessFault):
    """The cell controller misses control periods: the drives keep the command that they have."""

    EFFECT: ClassVar[str] = "control periods missed"
    UNIT: ClassVar[str] = "periods"
    NEEDS_LANES: ClassVar[bool] = True
    IN_LANE: ClassVar[bool] = True

    def missed(self) -> float:
        """Share of the periods."""
        return 1.0


class Down(ProcessFault):
    """Nothing runs on its cells while it lasts."""

    EFFECT: ClassVar[str] = "time for which the cell stood"
    UNIT: ClassVar[str] = "s"
    WHY: ClassVar[str]
    """The word for it in events."""
    AT_ONCE: ClassVar[bool] = True
    """What runs there dies; else it is finished, and nothing new begins."""
    DARK: ClassVar[bool] = False
    """The robot has no power either: brakes hold its arm."""


class StopFault(ProcessFault):
    """Something that stops a robot that moves."""

    PORT: ClassVar[str] = "site"
    EFFECT: ClassVar[str] = "time stopped"
    UNIT: ClassVar[str] = "s"
    KIND: ClassVar[Literal["protective", "emergency"]] = "protective"


class StepFault(ProcessFault):
    """Something that changes a number of the farm once; its receipt compares that number before and after."""
