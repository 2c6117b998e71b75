"""Cameras: what the policy sees of the things in the cell. The truth is untouched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from twin.faults import behaviours as b
from twin.faults.group import Memory, Moment
from twin.faults.signals import Channel, Signal, SignalFault


class _Camera(SignalFault):
    """A camera that sees wrong; it sees all things of its cell."""

    PORT: ClassVar[str] = "sense"

    component: Literal["camera"]

    def channel(self, port: str) -> Channel:
        """The poses of all things."""
        return Channel("objects", slice(None))


class CameraFreeze(b.Stuck, _Camera):
    """The picture stands still, over episodes too."""

    EFFECT: ClassVar[str] = "largest |seen - true| position"
    UNIT: ClassVar[str] = "m"

    mode: Literal["freeze", "stuck"]


class CameraDrop(b.Dropped, _Camera):
    """Some frames do not come; the last one before is taken for them."""

    EFFECT: ClassVar[str] = "frames that did not come"
    UNIT: ClassVar[str] = "frames"

    mode: Literal["drop"]


class CameraOcclusion(b.Off, _Camera):
    """Something stands before the camera: it sees no thing."""

    EFFECT: ClassVar[str] = "time without sight"

    mode: Literal["occlusion", "off"]


class CameraMiscalibration(_Camera):
    """The camera was moved: all it sees is shifted, and turned about the robot's base."""

    SIZES: ClassVar[Mapping[str, float]] = {"shift_mm": 0.0, "turn_deg": 0.0}
    EFFECT: ClassVar[str] = "largest |seen - true| position"
    UNIT: ClassVar[str] = "m"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    mode: Literal["miscalibration", "wrong"]
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """By so much along x, y, z of the robot's base."""
    turn_deg: float = Field(default=0.0, ge=-180, le=180)
    """By so much about the vertical through the base."""

    @model_validator(mode="after")
    def _some(self) -> CameraMiscalibration:
        if not any(self.shift_mm) and not self.turn_deg:
            raise ValueError("needs shift_mm or turn_deg: without them nothing would change")
        return self

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Turned, then shifted; how a thing is turned itself turns with it."""
        out, half = signal.value.copy(), np.deg2rad(0.5 * self.turn_deg)
        things = out.reshape(len(out), -1, 7)
        x, y = things[..., 0].copy(), things[..., 1].copy()
        c, s = np.cos(2 * half), np.sin(2 * half)
        things[..., 0], things[..., 1] = c * x - s * y, s * x + c * y
        things[..., :3] += 1e-3 * np.array(self.shift_mm)
        w, i, j, k = (things[..., n].copy() for n in range(3, 7))
        c, s = np.cos(half), np.sin(half)
        things[..., 3], things[..., 4], things[..., 5], things[..., 6] = (
            c * w - s * k,
            c * i - s * j,
            c * j + s * i,
            c * k + s * w,
        )
        return Signal(out, signal.taken_us)


MODES = (CameraFreeze, CameraDrop, CameraOcclusion, CameraMiscalibration)
