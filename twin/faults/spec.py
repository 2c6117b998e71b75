"""A fault in a plan: what, where, from when, for how long, how strong."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from twin.core.quantity import NonNegative
from twin.core.spec import Spec


class Onset(Spec):
    """When a fault begins. Exactly one of: at a time, repeatedly at a mean rate, with a probability per episode."""

    at_s: float | None = Field(default=None, ge=0, le=1e9)
    rate_per_h: float | None = Field(default=None, gt=0, le=1e9)
    per_episode: float | None = Field(default=None, gt=0, le=1)
    within_s: float = Field(default=8.0, gt=0)
    """With per_episode: it begins at a moment drawn evenly over this time from the episode's start."""

    @model_validator(mode="after")
    def _one(self) -> Onset:
        if sum(v is not None for v in (self.at_s, self.rate_per_h, self.per_episode)) != 1:
            raise ValueError("needs exactly one of at_s, rate_per_h, per_episode")
        return self


class _Fault(Spec):
    """What every fault has. A class names the port it acts at and the effect its receipt measures, with unit."""

    PORT: ClassVar[str]
    EFFECT: ClassVar[str]
    UNIT: ClassVar[str]

    name: str | None = None
    """How receipts name it; by default component-mode-number."""
    target: str = "*"
    """A cell name or a pattern over cell names (`c0*`)."""
    onset: Onset
    duration_s: NonNegative | None = None
    """How long it lasts; left out: to the end of the run (per_episode: to the end of the episode)."""
    must_act: bool = False
    """Whether a run in which it found nothing to act on is void."""
    announced: bool = False
    """Whether the farm is told at onset; silent faults show only through their symptoms."""


class JointSensorStuck(_Fault):
    """The encoder of a joint repeats its last value."""

    PORT, EFFECT, UNIT = "sense", "largest |seen - true|", "rad"

    component: Literal["sensor"]
    mode: Literal["stuck"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""


class WeakActuator(_Fault):
    """A drive delivers a fraction of its torque."""

    PORT, EFFECT, UNIT = "world", "part of the nominal torque that is lost", "share"

    component: Literal["actuator"]
    mode: Literal["weak"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""
    torque: float = Field(ge=0, lt=1)
    """Fraction of the torque limit that is left."""


class GripperSlips(_Fault):
    """The fingers let go of what they hold."""

    PORT, EFFECT, UNIT = "actuator", "time for which the opening was forced", "s"

    component: Literal["gripper"]
    mode: Literal["slips"]


class ProtectiveStop(_Fault):
    """The robot's own safety controller stops it (a collision it thinks it felt)."""

    PORT, EFFECT, UNIT = "process", "time stopped", "s"

    component: Literal["safety"]
    mode: Literal["protective_stop"]
    recover_s: NonNegative = 5.0
    """How long it takes until the stop is unlocked."""


class LinkLatency(_Fault):
    """Extra delay on a cell's link, each way."""

    PORT, EFFECT, UNIT = "link", "mean added delay of messages", "ms"

    component: Literal["link"]
    mode: Literal["latency"]
    added_ms: NonNegative


class LinkLoss(_Fault):
    """Messages on a cell's link are lost."""

    PORT, EFFECT, UNIT = "link", "messages lost", "messages"

    component: Literal["link"]
    mode: Literal["loss"]
    loss: float = Field(gt=0, le=1)
    """Probability that a message is lost."""


class Breakage(_Fault):
    """The robot breaks at a time, besides what its reliability law does."""

    PORT, EFFECT, UNIT = "process", "time out of service", "h"

    component: Literal["joint"]
    mode: Literal["breaks"]


def _component_mode(value: Any) -> str | None:
    found = value if isinstance(value, dict) else vars(value) if isinstance(value, Spec) else {}
    component, mode = found.get("component"), found.get("mode")
    return None if component is None or mode is None else f"{component}/{mode}"


FaultSpec = Annotated[
    Annotated[JointSensorStuck, Tag("sensor/stuck")]
    | Annotated[WeakActuator, Tag("actuator/weak")]
    | Annotated[GripperSlips, Tag("gripper/slips")]
    | Annotated[ProtectiveStop, Tag("safety/protective_stop")]
    | Annotated[LinkLatency, Tag("link/latency")]
    | Annotated[LinkLoss, Tag("link/loss")]
    | Annotated[Breakage, Tag("joint/breaks")],
    Discriminator(_component_mode),
]

FAULTS: tuple[type[_Fault], ...] = (
    JointSensorStuck, WeakActuator, GripperSlips, ProtectiveStop, LinkLatency, LinkLoss, Breakage,
)  # fmt: skip
"""Every fault there is, for the catalogue."""
