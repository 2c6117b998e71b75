"""Common causes: one event that fans out over a named group of cells, a site, or whatever a pattern names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from twin.faults.link import LinkPartition
from twin.faults.onset import Onset
from twin.faults.outage import outage
from twin.faults.process import Aim, Down, ProcessFault, StepFault
from twin.faults.spec import Fault


class Brownout(Down):
    """The voltage sinks: all cells of the group go off, and start again when it is back."""

    PORT: ClassVar[str] = "site"
    AIM: ClassVar[Aim] = "group"
    EFFECT: ClassVar[str] = "time without power, of all cells"
    WHY: ClassVar[str] = "power"
    DARK: ClassVar[bool] = True

    component: Literal["facility"]
    mode: Literal["brownout"]


class NetworkLost(ProcessFault):
    """A switch or an access point is gone: no message of the group's cells arrives."""

    PORT: ClassVar[str] = "site"
    AIM: ClassVar[Aim] = "group"
    EFFECT: ClassVar[str] = "messages lost, of all cells"
    UNIT: ClassVar[str] = "messages"
    NEEDS_LANES: ClassVar[bool] = True
    PART: ClassVar[Fault | None] = LinkPartition(component="link", mode="partition", onset=Onset(at_s=0))

    component: Literal["facility"]
    mode: Literal["network_lost"]

    def drawn(self) -> Fault:
        """Nothing is answered."""
        return outage(self)


class PartBatch(StepFault):
    """Spare parts of one bad batch sit in the group's robots: what is left of their lives shrinks at once, and is as it was
    after a repair."""

    SIZES: ClassVar[Mapping[str, float]] = {"life": 1.0}
    PORT: ClassVar[str] = "site"
    AIM: ClassVar[Aim] = "group"
    EFFECT: ClassVar[str] = "operating time lost to it, of all robots"
    UNIT: ClassVar[str] = "h"

    component: Literal["facility"]
    mode: Literal["part_batch"]
    life: float = Field(gt=0, lt=1)
    """Share of its life that is left to each part."""


MODES = (Brownout, NetworkLost, PartBatch)
"""In the order in which they are listed."""
