"""Outages: what a lost network or a dead policy server is where episodes are drawn and no message is simulated.

While one lasts nothing that its cells ask is answered: an episode stands still until it is over, or its time is up.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from twin.core.quantity import NonNegative
from twin.faults.process import Aim, ProcessFault
from twin.faults.spec import Fault


class Outage(ProcessFault):
    """No answer reaches the cells behind a link."""

    EFFECT: ClassVar[str] = "time for which episodes stood, of all cells"
    UNIT: ClassVar[str] = "s"
    BY_LINK: ClassVar[bool] = True
    """Cells without a link are not hit."""

    component: str
    mode: str
    cold_s: NonNegative = 0.0
    """How much longer episodes stand once it is over: a server loads its model, a link shakes hands."""

    def cuts_s(self) -> float:
        """To its end, where it is the link's."""
        return math.inf if self.BY_LINK else 0.0


class GroupOutage(Outage):
    """No answer reaches the cells of a group."""

    AIM: ClassVar[Aim] = "group"


class ServerOutage(Outage):
    """A policy server answers none of its cells."""

    AIM: ClassVar[Aim] = "server"
    BY_LINK: ClassVar[bool] = False


KINDS: dict[Aim, type[Outage]] = {"cell": Outage, "group": GroupOutage, "server": ServerOutage}


def outage(fault: Any, **more: Any) -> Outage:
    """A fault as an outage of the same name, targets and onsets. more: where it lasts otherwise."""
    kept = {name: getattr(fault, name) for name in (*Fault.model_fields, "component", "mode")}
    return KINDS[getattr(fault, "AIM", "cell")](**kept | more)
