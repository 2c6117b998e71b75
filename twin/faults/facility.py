"""Common causes: one event that fans out over a named group of cells, a site, or whatever a pattern names."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from twin.faults.injection import Injection
from twin.faults.link import LinkPartition
from twin.faults.onset import Onset
from twin.faults.process import Aim, ProcessFault

CUT = LinkPartition(component="link", mode="partition", onset=Onset(at_s=0))
"""What becomes of each link."""


class GroupFault(ProcessFault):
    """Something that hits all cells of a group at once."""

    AIM: ClassVar[Aim] = "group"


class Brownout(GroupFault):
    """The voltage sinks: all cells of the group go off, and start again when it is back."""

    EFFECT: ClassVar[str] = "time without power, of all cells"
    UNIT: ClassVar[str] = "s"

    component: Literal["facility"]
    mode: Literal["brownout"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """Everything goes off."""
        for name in farm.trouble.members[fault.cell]:
            farm.controllers.down(farm, name, fault, "power")
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """Everything goes on again."""
        for name in farm.trouble.members[fault.cell]:
            farm.controllers.up(farm, name, fault)


class NetworkLost(GroupFault):
    """A switch or an access point is gone: no message of the group's cells arrives."""

    EFFECT: ClassVar[str] = "messages lost, of all cells"
    UNIT: ClassVar[str] = "messages"
    NEEDS_LANES: ClassVar[bool] = True

    component: Literal["facility"]
    mode: Literal["network_lost"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """All links of the group are cut."""
        for cell in (farm.cells[name] for name in farm.trouble.members[fault.cell]):
            part = Injection(fault.name, CUT, cell.name, cell.lane, cell.row, fault.number)
            part.begin(farm.clock.now_us, fault.key)
            lane = farm.lanes[cell.lane]
            lane.faults.enter(part, lane.world, farm.clock.now_us)
            fault.parts.append(part)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """They are whole again."""
        for part in fault.parts:
            lane = farm.lanes[part.lane]
            lane.faults.leave(part, lane.world, farm.clock.now_us)
            fault.measured(part.effect, part.exposed_us)
        fault.parts.clear()


class PartBatch(GroupFault):
    """Spare parts of one bad batch sit in the group's robots: what is left of their lives shrinks."""

    EFFECT: ClassVar[str] = "operating time lost to it, of all robots"
    UNIT: ClassVar[str] = "h"

    component: Literal["facility"]
    mode: Literal["part_batch"]
    life: float = Field(gt=0, lt=1)
    """Share of its life that is left to each part."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """All lives shrink at once, and are as they were after a repair."""
        shrunk = [farm.wear.shrink(name, self.life, fault) for name in farm.trouble.members[fault.cell]]
        return any(shrunk)


MODES = (Brownout, NetworkLost, PartBatch)
"""In the order in which they are listed."""
