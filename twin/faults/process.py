"""Faults that act outside a lane: on controllers, servers, strategies, people, recorders, sites.

Each tells a part of the farm what it does; that part carries it out, measures it, and calls `Injection.measured`. A fault of
process never measures itself. `farm` is `twin.farm.farm.Farm`, which lies on a floor above this one.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from twin.faults.injection import Injection
from twin.faults.spec import Fault

Aim = Literal["cell", "group", "pool", "server", "strategy"]


class ProcessFault(Fault):
    """A fault that the farm begins and ends. `begin` says whether something came of it; where not, it is cleared at once."""

    PORT: ClassVar[str] = "process"
    AIM: ClassVar[Aim] = "cell"
    """What a target names: a cell; a group of cells that are hit together; people, a policy server or a strategy."""
    NEEDS_LANES: ClassVar[bool] = False
    """It acts on commands or messages, which the outcome tier does not have."""
    ENDS_ITSELF: ClassVar[bool] = False
    """The farm calls `Trouble.done` when it is over (a stop is unlocked, a robot repaired); `duration_s` has no meaning."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It is due; `cause`: the number of its event."""
        raise NotImplementedError

    def end(self, farm: Any, fault: Injection) -> None:
        """Its time is up: undo what `begin` did."""

    def episode(self, farm: Any, fault: Injection) -> None:
        """An episode begins on its cell while it is in force."""
