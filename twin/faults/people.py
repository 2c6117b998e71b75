"""People who are not there, are slow, go astray, err, leave, or come twice. A target is a pool or a person (`operators/1`)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from twin.faults.injection import Injection
from twin.faults.process import Aim, ProcessFault


class PeopleFault(ProcessFault):
    """Something about the people of a pool. `People` asks for it at each call and measures what came of it."""

    AIM: ClassVar[Aim] = "pool"

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """From now on it counts at each call."""
        farm.recovery.people.enter(fault)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It counts no more."""
        farm.recovery.people.leave(fault)


class Absent(PeopleFault):
    """People are not there (a call that finds nobody else waits)."""

    EFFECT: ClassVar[str] = "time that calls waited for want of them"
    UNIT: ClassVar[str] = "s"

    component: Literal["people"]
    mode: Literal["absent"]


class Slow(PeopleFault):
    """People take longer, to come and to work."""

    EFFECT: ClassVar[str] = "additional time"
    UNIT: ClassVar[str] = "s"

    component: Literal["people"]
    mode: Literal["slow"]
    factor: float = Field(gt=1, le=1000)


class Sometimes(PeopleFault):
    """Something that goes wrong at some of the calls."""

    probability: float = Field(default=1.0, gt=0, le=1)
    """At how many of the calls."""


class WrongCell(Sometimes):
    """A person goes to another cell first, which stops if it is at work, and then to the right one."""

    EFFECT: ClassVar[str] = "calls that led astray"
    UNIT: ClassVar[str] = "calls"

    component: Literal["people"]
    mode: Literal["wrong_cell"]


class WrongCommand(Sometimes):
    """A person ends a reset with a wrong command: the cell is not in order and somebody is called again."""

    EFFECT: ClassVar[str] = "resets in vain"
    UNIT: ClassVar[str] = "resets"

    component: Literal["people"]
    mode: Literal["wrong_command"]
    probability: float = Field(default=0.5, gt=0, lt=1)


class Abandons(Sometimes):
    """A person leaves in the middle of the work, and somebody is called again."""

    EFFECT: ClassVar[str] = "calls left unfinished"
    UNIT: ClassVar[str] = "calls"

    component: Literal["people"]
    mode: Literal["abandons"]
    probability: float = Field(default=0.5, gt=0, lt=1)


class TwoAtOnce(Sometimes):
    """Two people take the same call and want to take over; one of them is refused."""

    EFFECT: ClassVar[str] = "second people at a cell, all refused"
    UNIT: ClassVar[str] = "people"

    component: Literal["people"]
    mode: Literal["two_at_once"]


MODES = (Absent, Slow, WrongCell, WrongCommand, Abandons, TwoAtOnce)
"""In the order in which they are listed."""
