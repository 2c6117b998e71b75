"""What every fault of a plan has: where, from when, for how long. Each component's modes stand in a file of their own."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

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


class Fault(Spec):
    """What every fault has. A mode is one frozen class: `component`, `mode` and its parameters, the port where it acts, what
    its receipt measures there, and, for the ports of a lane, what it does to what passes."""

    PORT: ClassVar[str]
    """sense, command, actuator, world, link (ports of a lane); process, people, site (what the farm does)."""
    EFFECT: ClassVar[str]
    """What its receipt measures."""
    UNIT: ClassVar[str]
    FOLD: ClassVar[Literal["sum", "max", "mean"]] = "sum"
    """How measurements become the receipt's one number."""

    name: str | None = None
    """How receipts name it; by default component-mode-number."""
    target: str = "*"
    """A cell name or a pattern over cell names (`c0*`)."""
    onset: Onset
    duration_s: NonNegative | None = None
    """How long it lasts; left out: to the end of the run (per_episode: to the end of the episode)."""
    until: Literal["repaired"] | None = None
    """It lasts until the robot has been repaired: after a failed self-test, or because something else broke."""
    must_act: bool = False
    """Whether a run in which it found nothing to act on is void."""
    announced: bool = False
    """Whether the farm is told at onset; silent faults show only through their symptoms."""

    @property
    def unit(self) -> str:
        """The unit of this fault's effect, where its parameters decide it."""
        return self.UNIT
