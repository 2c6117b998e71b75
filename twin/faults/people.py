"""People who are not there, are slow, go astray, err, leave, or come twice. A target is a pool or a person (`operators/1`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from twin.faults.process import Aim, ProcessFault


class PeopleFault(ProcessFault):
    """Something about the people of a pool. `Lapses` asks for it at each call, and measures what came of it."""

    PORT: ClassVar[str] = "people"
    AIM: ClassVar[Aim] = "pool"


class Absent(PeopleFault):
    """People are not there (a call that finds nobody else waits)."""

    EFFECT: ClassVar[str] = "time that calls waited for want of them"
    UNIT: ClassVar[str] = "s"

    component: Literal["people"]
    mode: Literal["absent"]


class Slow(PeopleFault):
    """People take longer, to come and to work."""

    SIZES: ClassVar[Mapping[str, float]] = {"factor": 1.0}
    EFFECT: ClassVar[str] = "additional time"
    UNIT: ClassVar[str] = "s"

    component: Literal["people"]
    mode: Literal["slow"]
    factor: float = Field(gt=1, le=1000)


class Sometimes(PeopleFault):
    """Something that goes wrong at some of the calls."""

    SIZES: ClassVar[Mapping[str, float]] = {"probability": 0.0}
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
