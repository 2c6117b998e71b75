"""Drives that do not do what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from twin.core.records import Bools, Floats
from twin.faults import behaviours as b
from twin.faults.fields import JointField
from twin.faults.group import Memory, Moment
from twin.faults.signals import SAME, Channel, Signal, SignalFault, joint


class _Drive(JointField):
    """A drive that gives less torque than it should."""

    EFFECT: ClassVar[str] = "part of the torque asked for that was not delivered"
    UNIT: ClassVar[str] = "share"
    FOLD = "mean"
    TORQUE: ClassVar[bool] = True
    DRIVES: ClassVar[bool] = True

    component: Literal["actuator"]


class ActuatorOff(_Drive):
    """A drive gives no torque."""

    FIELD: ClassVar[str] = "actuator_gain"

    mode: Literal["off"]

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """Nothing."""
        return np.zeros(len(now.keys))


class ActuatorWeak(_Drive):
    """A drive gives a fraction of the torque that it should."""

    SIZES: ClassVar[Mapping[str, float]] = {"torque": 1.0}
    FIELD: ClassVar[str] = "actuator_gain"

    mode: Literal["weak"]
    torque: float = Field(ge=0, lt=1)
    """Fraction that is left, whatever is asked."""

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """What is left."""
        return np.full(len(now.keys), self.torque)


class ActuatorSaturated(_Drive):
    """A drive gives what it should, but no more than a fraction of its limit."""

    SIZES: ClassVar[Mapping[str, float]] = {"limit": 1.0}
    FIELD: ClassVar[str] = "actuator_strength"

    mode: Literal["saturated"]
    limit: float = Field(ge=0, lt=1)
    """Share of the torque limit that is left."""

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """What is left."""
        return np.full(len(now.keys), self.limit)

    def exposed(self, asked: Floats, left: Floats) -> Bools:
        """Where more is asked for."""
        more: Bools = asked > left
        return more


class ActuatorOverheating(_Drive):
    """A drive heats up with the square of its torque, gives less when it is hot, and cools when it rests."""

    SIZES: ClassVar[Mapping[str, float]] = {"heats_by_K": 0.0}
    FIELD: ClassVar[str] = "actuator_strength"
    MOVES: ClassVar[bool] = True

    mode: Literal["overheating"]
    heats_by_K: float = Field(default=100.0, gt=0, le=1e4)
    """How much warmer than the room full torque makes it in the long run."""
    tau_s: float = Field(default=600.0, gt=0, le=1e6)
    """Time constant of warming and cooling."""
    derates_at_K: float = Field(default=40.0, ge=0, le=1e4)
    """So much warmer than the room it begins to give less."""
    stops_at_K: float = Field(default=60.0, gt=0, le=1e4)
    """So much warmer it gives nothing; between the two it falls linearly."""

    @model_validator(mode="after")
    def _ordered(self) -> ActuatorOverheating:
        if not self.derates_at_K < self.stops_at_K:
            raise ValueError(f"stops_at_K {self.stops_at_K:g} must be above derates_at_K {self.derates_at_K:g}")
        return self

    def start(self, now: Moment) -> Memory:
        """As warm as the room."""
        return {"warmer_K": np.zeros(len(now.keys)), "at_us": np.full(len(now.keys), now.now_us)}

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """What its temperature leaves."""
        share = (self.stops_at_K - memory["warmer_K"]) / (self.stops_at_K - self.derates_at_K)
        left: Floats = np.clip(share, 0.0, 1.0)
        return left

    def advance(self, now: Moment, effort: Floats, memory: Memory) -> None:
        """Cooler over the time that it rested, then a period of work."""
        rested_s = np.maximum(0.0, (now.now_us - memory["at_us"]) / 1e6 - now.period_s)
        cooled = memory["warmer_K"] * np.exp(-rested_s / self.tau_s)
        goal, keeps = self.heats_by_K * effort * effort, np.exp(-now.period_s / self.tau_s)
        memory["warmer_K"] = goal + (cooled - goal) * keeps
        memory["at_us"] = np.full(len(effort), now.now_us)

    def exposed(self, asked: Floats, left: Floats) -> Bools:
        """Where it is hot, and more is asked for than it gives."""
        more: Bools = asked > left
        return more


class ActuatorJam(JointField):
    """A joint is stuck fast, whatever its drive gives."""

    FIELD: ClassVar[str] = "joint_drag"
    DRIVES: ClassVar[bool] = True
    EFFECT: ClassVar[str] = "friction added, in shares of the torque limit"
    UNIT: ClassVar[str] = "share"

    component: Literal["actuator"]
    mode: Literal["jam"]

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """Twice what the drive can overcome."""
        return np.full(len(now.keys), 3.0)


class _Told(SignalFault):
    """A drive that is told something else than what was certified: its own electronics err, after all filters."""

    PORT: ClassVar[str] = "actuator"
    UNIT: ClassVar[str] = "rad"
    AFRESH: ClassVar[bool] = True
    DRIVES: ClassVar[bool] = True

    component: Literal["actuator"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""

    def channel(self, port: str) -> Channel:
        """The joint's command."""
        return Channel("command", joint(self.joint))


class ActuatorStuck(b.Stuck, _Told):
    """A drive goes on with its last command."""

    EFFECT: ClassVar[str] = "largest |delivered - sent| command"

    mode: Literal["stuck"]


class ActuatorDelayed(b.Delayed, _Told):
    """Commands reach a drive late."""

    UNIT: ClassVar[str] = "ms"

    mode: Literal["delayed"]


class ActuatorRunaway(_Told):
    """A drive turns on and on, to the end of its joint."""

    SIZES: ClassVar[Mapping[str, float]] = {"speed": 0.0}
    EFFECT: ClassVar[str] = "largest |delivered - sent| command"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    mode: Literal["runaway"]
    speed: float = Field(default=0.5, ge=-1, le=1)
    """Share of the joint's speed limit; negative: the other way."""

    def start(self, now: Moment, signal: Signal) -> Memory:
        """From where it is."""
        return {"value": signal.value.copy()}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Further, whatever is asked."""
        arm, j = now.body.arm, self.joint
        further = memory["value"] + self.speed * arm.velocity[j] * now.period_s
        memory["value"] = np.clip(further, arm.limits[j, 0], arm.limits[j, 1])
        return Signal(memory["value"], signal.taken_us)


class ActuatorBacklash(_Told):
    """A gear has play: what it drives stays behind when it turns back."""

    SIZES: ClassVar[Mapping[str, float]] = {"play_rad": 0.0}
    EFFECT: ClassVar[str] = "largest |delivered - sent| command"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    mode: Literal["backlash"]
    play_rad: float = Field(gt=0, le=1)
    """From one flank to the other."""

    def start(self, now: Moment, signal: Signal) -> Memory:
        """In the middle of its play."""
        return {"value": signal.value.copy()}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Pushed by the nearer flank."""
        half = 0.5 * self.play_rad
        memory["value"] = np.clip(memory["value"], signal.value - half, signal.value + half)
        return Signal(memory["value"], signal.taken_us)

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """A joint that stands has no use for its play."""
        moved: Bools = np.abs(signal.value - memory["value"])[:, 0] > SAME
        return moved


MODES = (
    ActuatorOff, ActuatorWeak, ActuatorSaturated, ActuatorStuck, ActuatorDelayed, ActuatorRunaway, ActuatorJam,
    ActuatorBacklash, ActuatorOverheating,
)  # fmt: skip
