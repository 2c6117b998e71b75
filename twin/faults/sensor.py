"""Sensors that lie: joint encoders, the force at the fingers, the pose of a thing as the camera gives it.

What an encoder shows decides where its controller believes the tool to be: speed, tool point and its speed follow from it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from twin.faults import behaviours as b
from twin.faults.signals import Channel, SignalFault, joint, pose
from twin.faults.spec import Bench

UNITS = {"joint": "rad", "force": "N", "object": "m"}


class _Sensor(SignalFault):
    """A sensor that lies."""

    PORT: ClassVar[str] = "sense"
    UNIT: ClassVar[str] = "rad, N or m"

    component: Literal["sensor"]
    sensor: Literal["joint", "force", "object"] = "joint"
    """An encoder, the force at the fingers, or the pose of a thing."""
    joint: int | None = Field(default=None, ge=0)
    """Of an encoder: index of its joint, from 0 at the base."""
    thing: int = Field(default=0, ge=0)
    """Of a pose: index of the thing."""

    @model_validator(mode="after")
    def _which(self) -> _Sensor:
        if (self.joint is None) == (self.sensor == "joint"):
            raise ValueError("needs 'joint', the index of the encoder's joint" if self.joint is None else
                             f"a sensor of {self.sensor} has no 'joint'")  # fmt: skip
        if self.thing and self.sensor != "object":
            raise ValueError(f"a sensor of {self.sensor} has no 'thing'")
        return self

    def channel(self, port: str) -> Channel:
        """What it says."""
        if self.sensor == "joint":
            return Channel("q", joint(self.joint or 0))
        return Channel("force", slice(0, 3)) if self.sensor == "force" else Channel("objects", pose(self.thing))

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """A pose needs its thing."""
        if self.sensor == "object" and self.thing >= cell.things:
            return "thing", f"its camera sees no thing {self.thing}: there are {cell.things}, from 0"
        return super().cannot(cell)

    @property
    def unit(self) -> str:
        """Of what is measured."""
        kind = type(self)
        return UNITS[self.sensor] if _Sensor.UNIT == kind.UNIT else kind.UNIT


class SensorOff(b.Off, _Sensor):
    """The sensor gives no number."""

    mode: Literal["off"]


class SensorStuck(b.Stuck, _Sensor):
    """The sensor repeats its last value."""

    EFFECT: ClassVar[str] = "largest |seen - true|"

    mode: Literal["stuck"]


class SensorBias(b.Bias, _Sensor):
    """The sensor is off by always as much."""

    mode: Literal["bias", "wrong"]


class SensorDrift(b.Drift, _Sensor):
    """The sensor is off by more and more."""

    mode: Literal["drift"]


class SensorNoise(b.Noise, _Sensor):
    """The sensor is noisier than it should be."""

    mode: Literal["noise"]


class SensorGarbage(b.Garbage, _Sensor):
    """Some readings are not numbers, or absurd ones."""

    mode: Literal["garbage"]


class SensorQuantised(b.Quantised, _Sensor):
    """The sensor knows only whole steps."""

    mode: Literal["quantised"]


class SensorDelayed(b.Delayed, _Sensor):
    """Readings come late."""

    mode: Literal["delayed"]


class SensorSlow(b.Slow, _Sensor):
    """Readings come less often."""

    mode: Literal["slow"]


class SensorDropped(b.Dropped, _Sensor):
    """Some readings do not come; the last one before holds."""

    mode: Literal["dropped"]


class SensorIntermittent(b.Intermittent, _Sensor):
    """A loose contact: now and then there is no reading for a while."""

    mode: Literal["intermittent"]


MODES = (
    SensorOff, SensorStuck, SensorBias, SensorDrift, SensorNoise, SensorGarbage, SensorQuantised, SensorDelayed, SensorSlow,
    SensorDropped, SensorIntermittent,
)  # fmt: skip
