"""What can be wrong in a workcell: with its things, and with its light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.records import Floats
from twin.faults import behaviours as b
from twin.faults.fields import FieldFault, Shove
from twin.faults.group import Memory, Moment
from twin.faults.signals import Channel
from twin.faults.spec import Bench, Fault


class _OfThing(Fault):
    """It takes a thing that lies free."""

    component: Literal["workcell"]

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """There must be one."""
        return super().cannot(cell) if cell.objects else ("target", "its workcell has no object that lies free")


class _Moved(_OfThing, Shove):
    """A thing is moved by nobody's command."""

    EFFECT: ClassVar[str] = "distance by which the thing was moved"
    UNIT: ClassVar[str] = "m"


class WorkcellObjectLeaves(_Moved):
    """The thing leaves the bin: it comes to lie where the robot cannot reach it."""

    mode: Literal["object_leaves"]

    def by(self, now: Moment, place: Floats) -> Floats:
        """To beside the robot's reach."""
        return now.body.beyond - place


class WorkcellShove(_Moved):
    """Somebody bumps into the table: the thing is shifted in a direction drawn evenly."""

    SIZES: ClassVar[Mapping[str, float]] = {"shift_mm": 0.0}

    mode: Literal["shove"]
    shift_mm: float = Field(gt=0, le=300)
    """How far."""

    def by(self, now: Moment, place: Floats) -> Floats:
        """Along the table."""
        angle = 2.0 * np.pi * now.once()[:, 0]
        far = 1e-3 * self.shift_mm
        return np.stack((far * np.cos(angle), far * np.sin(angle), np.zeros(len(angle))), axis=1)


class WorkcellBinJam(_OfThing, FieldFault):
    """Things are wedged in: they hold on to what they lie on."""

    FIELD: ClassVar[str] = "jam"
    EFFECT: ClassVar[str] = "force with which each contact holds on"
    UNIT: ClassVar[str] = "N"

    mode: Literal["bin_jam"]
    holds_N: float = Field(default=100.0, ge=10, le=1e4)
    """Of each of a thing's contacts with table or tray."""

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """So much more."""
        return np.full(len(now.keys), 1.0 + self.holds_N)


class WorkcellWrongObject(_OfThing, FieldFault):
    """From the next episode on another thing lies there: a smaller one."""

    SIZES: ClassVar[Mapping[str, float]] = {"size": 1.0}
    FIELD: ClassVar[str] = "thing_size"
    LATER: ClassVar[bool] = True
    EFFECT: ClassVar[str] = "by how much its edge is off, in shares of the right one"
    UNIT: ClassVar[str] = "share"

    mode: Literal["wrong_object"]
    size: float = Field(ge=0.3, lt=1)
    """Its edge, as a share of the right one."""

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """Its size."""
        return np.full(len(now.keys), self.size)


class WorkcellLighting(b.Noise):
    """The light is bad: where the camera sees things to be is uncertain, anew with every picture."""

    PORT: ClassVar[str] = "sense"
    EFFECT: ClassVar[str] = "mean |seen - true| of the axis that is furthest off"
    UNIT: ClassVar[str] = "m"

    component: Literal["workcell"]
    mode: Literal["lighting"]
    noise: float = Field(gt=0, le=0.1)
    """Standard deviation of where a thing is seen, m an axis."""

    def channel(self, port: str) -> Channel:
        """The poses of all things."""
        return Channel("objects", slice(None))


MODES = (WorkcellObjectLeaves, WorkcellBinJam, WorkcellWrongObject, WorkcellShove, WorkcellLighting)
