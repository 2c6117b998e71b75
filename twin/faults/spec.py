"""What every fault of a plan has: where, from when, for how long. Each component's modes stand in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import field_validator, model_validator

from twin.core.quantity import NonNegative, quantile
from twin.core.spec import Spec
from twin.faults.onset import Onset

Fold = Literal["sum", "max", "mean"]
LEAST = 0.05
"""Of a severity: less could not be told from nothing."""
LANE_PORTS = ("sense", "command", "actuator", "world", "link")
"""Ports that a lane has; at the others the farm acts."""


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
    unable: Mapping[str, str] = {}
    """Fields of the physics in which a fault does nothing on the engine that it is to run on, and why."""


class Fault(Spec):
    """What every fault has. A mode is one frozen class: `component`, `mode` and its parameters, the port where it acts, what
    its receipt measures there, and, for the ports of a lane, what it does to what passes."""

    PORT: ClassVar[str]
    """One of `LANE_PORTS`; or process (software), people, site (safety, power, parts): what the farm does."""
    EFFECT: ClassVar[str]
    """What its receipt measures."""
    UNIT: ClassVar[str]
    DRIVES: ClassVar[bool] = False
    """Whether it takes a drive away, or leads it astray: when it clears, commands go on from where the arm stands."""
    SIZES: ClassVar[Mapping[str, float]] = {}
    """The parameters that are its strength → the value at which each does nothing."""
    FOLD: ClassVar[Fold] = "sum"
    """How measurements become the receipt's one number."""

    name: str | None = None
    """How receipts name it; by default component-mode-number."""
    target: str = "*"
    """A cell, or a pattern (`c0*`); else the serial of a robot, a link, a named group or a site. For faults of people a pool or
    a person (`operators/1`), for those of servers a key of `compute`, for those of strategies `scheduler` or `dispatch`."""
    onset: Onset
    duration_s: NonNegative | None = None
    """How long it lasts; left out: to the end of the run (per_episode: to the end of the episode)."""
    until: Literal["repaired"] | None = None
    """It lasts until the robot has been repaired: after a failed self-test, or because something else broke."""
    severity: NonNegative | None = None
    """How strong it is, from 0.05 to 1, where it is as its parameters say; a distribution is drawn from at every onset. Only of
    modes whose strength is a number."""
    must_act: bool = False
    """Whether a run in which it found nothing to act on is void."""
    announced: bool = False
    """Whether the farm is told at onset; silent faults show only through their symptoms."""

    @field_validator("duration_s")
    @classmethod
    def _lasts(cls, seconds: Any) -> Any:
        if seconds == 0:
            raise ValueError("must not be 0: that would change nothing")
        return seconds

    @field_validator("severity")
    @classmethod
    def _within(cls, severity: Any) -> Any:
        middle = None if severity is None else quantile(severity, 0.5)
        if middle is not None and not LEAST <= middle <= 1:
            word = "severity" if isinstance(severity, float) else "severity's median"
            raise ValueError(f"{word} {middle:g} must lie between {LEAST:g} and 1")
        return severity

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.until is not None and self.duration_s is not None:
            raise ValueError("duration_s and until both say when it ends: keep one")
        return self

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if self.severity is not None and not self.SIZES:
            raise ValueError(f"{self.component}/{self.mode} has no strength that a severity could scale: leave it out")  # type: ignore[attr-defined]
        return self

    def cuts_s(self) -> float:
        """For how long from its onset nothing passes its cell's link; 0: it does not cut it."""
        return 0.0

    def at_severity(self, severity: float) -> Self:
        """The same, weaker: what is its strength goes towards the value that does nothing, as far as `LEAST`."""
        share = min(1.0, max(LEAST, severity))

        def weaker(now: Any, harmless: float) -> Any:
            if isinstance(now, tuple):
                return tuple(weaker(part, harmless) for part in now)
            return harmless + share * (now - harmless)

        return self.model_copy(update={name: weaker(getattr(self, name), none) for name, none in self.SIZES.items()})

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """Why a cell cannot have it: the key that asks for too much, and the reason. None: it can."""
        joint = getattr(self, "joint", None)
        if joint is not None and cell.joints is not None and joint >= cell.joints:
            return "joint", f"{cell.model} has no joint {joint}: its {cell.joints} joints are 0 to {cell.joints - 1}"
        return None

    def drawn(self) -> Fault | None:
        """What it is in the outcome tier; None: it acts on signals, which that tier does not have."""
        return None if self.PORT in LANE_PORTS else self

    @property
    def unit(self) -> str:
        """The unit of this fault's effect, where its parameters decide it."""
        return self.UNIT
