"""Who helps a robot that left a mess or gets nowhere: the rungs of the reset ladder, and help in the middle of an episode."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.control.spec import OperatorSpec
from twin.core.quantity import NonNegative
from twin.core.spec import Spec


class _Rung(Spec):
    """What every rung of the reset ladder has."""

    per_hour: int | None = Field(default=None, ge=1)
    """How often at most a cell uses it in an hour; beyond that the next rung is taken, and at the last one the cell waits."""


class AutomaticRung(_Rung):
    """The robot tidies up by itself: so many attempts, each so long, each working so often while the object is in reach."""

    kind: Literal["automatic"]
    attempts: int = Field(default=3, ge=1)
    seconds: NonNegative = 8.0
    success: float = Field(default=0.9, ge=0, le=1)
    deadline_s: float = Field(default=1e9, gt=0, le=1e9)
    """With attempts that began this long ago the next rung is tried."""


class ReverseRung(_Rung):
    """The robot does the reverse of the task that it did: real physics, or an outcome of the reverse task."""

    kind: Literal["reverse"]
    attempts: int = Field(default=2, ge=1)
    deadline_s: float = Field(default=60.0, gt=0, le=1e9)
    """An attempt that takes longer has failed."""
    of: dict[str, str] = Field(default_factory=dict)
    """Task → its reverse; needed in the outcome tier, in physics every task knows its own."""


class PersonRung(_Rung):
    """A person of a pool is paged; after `deadline_s` without an end the next rung is tried."""

    kind: Literal["person"]
    pool: str
    deadline_s: float = Field(default=1800.0, gt=0, le=1e9)
    remote: bool = False
    """An operator who drives the robot from afar: no way to walk, and of no use for what lies out of the robot's reach."""
    drive: OperatorSpec | None = None
    """With it the operator really drives the arm over the cell's link, and whether that worked is for physics to say."""
    success: float = Field(default=1.0, ge=0, le=1)
    """How often it works; else the next rung is tried."""


class AssistSpec(Spec):
    """Help in the middle of an episode: an operator takes over a robot that gets nowhere, and gives it back to the policy."""

    pool: str
    after_s: float = Field(gt=0, le=1e6)
    """An episode that has run for so long is taken to get nowhere; after another so long the next call is made."""
    deadline_s: float = Field(default=60.0, gt=0, le=1e9)
    """A call that nobody has answered by then is dropped."""
    per_episode: int = Field(default=1, ge=1, le=1000)
    """Calls from one episode."""
    drive: OperatorSpec = OperatorSpec()


RobotRung = AutomaticRung | ReverseRung
RungSpec = Annotated[AutomaticRung | ReverseRung | PersonRung, Field(discriminator="kind")]
