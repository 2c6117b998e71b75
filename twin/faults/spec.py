"""What every fault of a plan has: where, from when, for how long. Each component's modes stand in a file of their own."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from twin.core.chance import Stream
from twin.core.quantity import NonNegative
from twin.core.spec import Spec

Fold = Literal["sum", "max", "mean"]


class Varies(Spec):
    """How a rate or a share changes over the farm's time: `times` its value at `at_h`, straight between, level outside."""

    at_h: tuple[float, ...] = Field(min_length=1)
    times: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _pairs(self) -> Varies:
        if len(self.at_h) != len(self.times):
            raise ValueError(f"{len(self.at_h)} moments for {len(self.times)} factors")
        if any(b <= a for a, b in pairwise(self.at_h)):
            raise ValueError("at_h must rise")
        if not all(0 < factor <= 1e6 for factor in self.times):
            raise ValueError("factors must be above 0 and at most 1e6")
        return self

    def factor(self, now_s: float) -> float:
        """The factor at a moment."""
        return float(np.interp(now_s / 3600, self.at_h, self.times))


class Onset(Spec):
    """When a fault begins. Exactly one of: at a time, repeatedly at a mean rate, with a probability per episode."""

    at_s: float | None = Field(default=None, ge=0, le=1e9)
    rate_per_h: float | None = Field(default=None, gt=0, le=1e9)
    per_episode: float | None = Field(default=None, gt=0, le=1)
    within_s: float = Field(default=8.0, gt=0)
    """With per_episode: it begins at a moment drawn evenly over this time from the episode's start."""
    varies: Varies | None = None
    """With rate_per_h and per_episode: how they change."""

    @model_validator(mode="after")
    def _one(self) -> Onset:
        if sum(v is not None for v in (self.at_s, self.rate_per_h, self.per_episode)) != 1:
            raise ValueError("needs exactly one of at_s, rate_per_h, per_episode")
        if self.varies is not None and self.at_s is not None:
            raise ValueError("what begins at a time does not vary; use rate_per_h or per_episode")
        return self

    def share(self, now_s: float) -> float:
        """Probability for an episode that begins now."""
        return min(1.0, (self.per_episode or 0.0) * (self.varies.factor(now_s) if self.varies else 1.0))

    def wait_s(self, now_s: float, stream: Stream) -> float:
        """Time to the next onset of a rate: candidates at the highest rate, each kept as often as the rate then is a part of it
        (Lewis and Shedler 1979)."""
        most = max(self.varies.times) if self.varies else 1.0
        wait = 0.0
        while True:
            wait += float(stream.exponential(3600.0 / ((self.rate_per_h or 0.0) * most)))
            if self.varies is None or float(stream.random()) * most < self.varies.factor(now_s + wait):
                return wait


class Bench(NamedTuple):
    """What a cell is, as far as it decides which faults it can have. None: not known."""

    model: str
    """The arm."""
    joints: int | None
    things: int
    objects: int
    """Of the things those that lie free."""
    control_ms: float
    timeout_ms: float | None
    """How long it waits for an answer; None: it has no server."""
    link: bool


class Fault(Spec):
    """What every fault has. A mode is one frozen class: `component`, `mode` and its parameters, the port where it acts, what
    its receipt measures there, and, for the ports of a lane, what it does to what passes."""

    PORT: ClassVar[str]
    """sense, command, actuator, world, link (ports of a lane); process, people, site (what the farm does)."""
    EFFECT: ClassVar[str]
    """What its receipt measures."""
    UNIT: ClassVar[str]
    DRIVES: ClassVar[bool] = False
    """Whether it takes a drive away, or leads it astray: when it clears, commands go on from where the arm stands."""
    FOLD: ClassVar[Fold] = "sum"
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

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """Why a cell cannot have it: the key that asks for too much, and the reason. None: it can."""
        joint = getattr(self, "joint", None)
        if joint is not None and cell.joints is not None and joint >= cell.joints:
            return "joint", f"{cell.model} has no joint {joint}: its {cell.joints} joints are 0 to {cell.joints - 1}"
        return None

    @property
    def unit(self) -> str:
        """The unit of this fault's effect, where its parameters decide it."""
        return self.UNIT
