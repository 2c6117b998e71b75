"""Specs of what drives a robot: policy, safety filters, links, policy servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from twin.core.network import Latency, Loss
from twin.core.quantity import NonNegative
from twin.core.spec import Spec


class UseSpec(Spec):
    """The user's own class: `use: "package.module:Class"`, `with:` its keyword arguments."""

    use: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    """Module and class; the module is looked for beside the scenario first."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """Keyword arguments of the class."""


def built_in_or_use(default: str | None) -> Callable[[Any], str | None]:
    """The discriminator of a union of built-ins (by `kind`, left out: `default`) and the user's class (tag `use:`)."""

    def tag(value: Any) -> str | None:
        if isinstance(value, UseSpec) or (isinstance(value, dict) and "use" in value and "kind" not in value):
            return "use:"
        kind = value.get("kind", default) if isinstance(value, dict) else getattr(value, "kind", default)
        return None if kind is None else str(kind)

    return tag


class ScriptedPolicy(Spec):
    """The built-in pick-and-place policy; its camera error is what makes it miss."""

    kind: Literal["scripted"] = "scripted"
    perception_error_mm: float = Field(default=4.0, ge=0, le=1e6)
    """Standard deviation of each horizontal coordinate of the object, drawn once an episode."""
    speed: float = Field(default=1.0, gt=0, le=1)
    """Fraction of full speed."""
    version: str = "1"


class KnownPolicy(Spec):
    """A policy of which only the outcomes are known: for `tier: outcome`, where no policy is asked for a command."""

    kind: Literal["known"]
    name: str
    version: str = "1"


PolicySpec = Annotated[
    Annotated[ScriptedPolicy, Tag("scripted")] | Annotated[KnownPolicy, Tag("known")] | Annotated[UseSpec, Tag("use:")],
    Discriminator(built_in_or_use("scripted")),
]


class LinkSpec(Spec):
    """A network between cells and policy server (each way): delay and loss of a message, from models that may remember."""

    latency_ms: Latency = 0.0
    loss: Loss = 0.0


class ComputeSpec(Spec):
    """A policy server: requests queue, are taken in batches, and take simulated time."""

    inference_ms: NonNegative = 20.0
    batch: int = Field(default=64, ge=1)
    timeout_ms: float = Field(default=1000.0, gt=0, le=1e9)
    """A cell asks again when no answer came for this long."""


class SelfTestSpec(Spec):
    """The short self-test of a robot that comes back: it moves every joint and the gripper a little and measures whether they
    did. Who fails it is repaired (again)."""

    move_rad: float = Field(default=0.08, gt=0, le=0.3)
    joint_s: float = Field(default=0.5, gt=0, le=60)
    """Time for one joint; at least five control periods are taken."""
    passes: float = Field(default=0.5, gt=0, lt=1)
    """A joint passes that is measured to have moved by this share of what was asked."""
    after_failures: int | None = Field(default=None, ge=1)
    """After so many failed episodes in a row the robot is suspected and tested; left out: failures are the policy's."""
    every_h: float | None = Field(default=None, gt=0, le=1e6)
    """Tested after so many operating hours in any case; left out: never without a reason."""

    @property
    def takes_s(self) -> float:
        """About how long a test takes."""
        return 8 * self.joint_s


class OperatorSpec(Spec):
    """How a modelled operator drives a robot from afar."""

    reaction_s: NonNegative = 0.4
    """From seeing to moving."""
    wait_above_s: float = Field(default=0.3, ge=0, le=10)
    """With a round trip longer than this the operator moves by steps and waits to see each (Sheridan and Ferrell 1963)."""
    step_rad: float = Field(default=0.15, gt=0, le=3)
    speed_radps: float = Field(default=0.5, gt=0, le=3)
    error_mm: float = Field(default=3.0, ge=0, le=100)
    """Standard deviation of the aim in each horizontal direction."""
    tries: int = Field(default=3, ge=0, le=100)
    """So many grasps that miss before the operator gives up."""
    silence_s: float = Field(default=3.0, gt=0, le=3600)
    """The lease ends when the cell hears nothing for so long."""
    deadline_s: float = Field(default=180.0, gt=0, le=1e6)


class JointLimitsFilter(Spec):
    """Keeps commands within joint position, velocity and acceleration limits."""

    kind: Literal["joint_limits"]


class _Boxed(Spec):
    """A box for the tool in the robot's base frame (m); a side that is left out is that of the workcell's own box."""

    low_m: tuple[float, float, float] | None = None
    high_m: tuple[float, float, float] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low_m and self.high_m:
            _above(self.low_m, self.high_m)
        return self


class WorkspaceFilter(_Boxed):
    """Stops the tool before it leaves a box in the robot's base frame (m); left out: the workcell's own box."""

    kind: Literal["workspace_box"]


class TrackingMonitor(Spec):
    """Demands a protective stop when a measured joint is this far from its command for this long."""

    kind: Literal["tracking"]
    error_rad: float = Field(default=0.25, gt=0)
    for_ms: float = Field(default=100.0, ge=0, le=1e9)


class Volume(Spec):
    """A box in the robot's base frame (m)."""

    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]

    @model_validator(mode="after")
    def _ordered(self) -> Volume:
        _above(self.low_m, self.high_m)
        return self


class KeepOutFilter(Spec):
    """Keeps the links and the hand out of boxes, and the links above the table."""

    kind: Literal["keep_out"]
    volumes: tuple[Volume, ...] = ()
    """Neighbours and fixtures."""
    table: bool = True


class BarrierFilter(_Boxed):
    """Control barrier function: joint limits, workspace and volumes in one quadratic programme."""

    kind: Literal["cbf"]
    volumes: tuple[Volume, ...] = ()
    table: bool = True
    itself: bool = True
    """Whether the arm stays clear of itself, too."""
    gamma_per_s: float = Field(default=15.0, gt=0, le=100)
    """How fast a distance may be used up: its share a second."""


class ContactFilter(Spec):
    """Stops on contact force and power at the hand. Defaults: Universal Robots' e-Series manual, safety preset `default`."""

    kind: Literal["contact"]
    force_N: float = Field(default=150.0, gt=0)
    power_W: float = Field(default=300.0, gt=0)


class SeparationFilter(Spec):
    """Speed and separation: moves only as long as it could stop before a person is too near."""

    kind: Literal["separation"]
    clearance_m: float = Field(default=0.3, ge=0)
    person_mps: float = Field(default=1.6, gt=0)
    scanner_ms: float = Field(default=100.0, ge=0, le=10_000)
    """How old is what the scanner says of a person."""


class StaleFilter(Spec):
    """Holds on a command that rests on an old observation, then stops."""

    kind: Literal["stale"]
    hold_ms: float = Field(default=1000.0, gt=0, le=1e6)
    stop_ms: float = Field(default=3000.0, gt=0, le=1e6)

    @model_validator(mode="after")
    def _in_order(self) -> StaleFilter:
        if self.stop_ms < self.hold_ms:
            raise ValueError(f"stop_ms {self.stop_ms:g} must not be less than hold_ms {self.hold_ms:g}: hold first, then stop")
        return self


class TorqueFilter(Spec):
    """Keeps commands so near to the arm that no drive is asked for more than a torque; stops an arm that is held up."""

    kind: Literal["torque"]
    share: float = Field(default=3.0, gt=0, le=10)
    """Of the drive's own limit. A servo asks for more than 1 at the first instant of a fast step, and gets 1."""
    for_ms: float = Field(default=100.0, ge=0, le=1e9)


def _above(low: tuple[float, ...], high: tuple[float, ...]) -> None:
    if any(a >= b for a, b in zip(low, high, strict=True)):
        raise ValueError(f"high_m {list(high)} must lie above low_m {list(low)} in every coordinate")


FilterSpec = Annotated[
    Annotated[JointLimitsFilter, Tag("joint_limits")]
    | Annotated[WorkspaceFilter, Tag("workspace_box")]
    | Annotated[TrackingMonitor, Tag("tracking")]
    | Annotated[KeepOutFilter, Tag("keep_out")]
    | Annotated[BarrierFilter, Tag("cbf")]
    | Annotated[ContactFilter, Tag("contact")]
    | Annotated[SeparationFilter, Tag("separation")]
    | Annotated[StaleFilter, Tag("stale")]
    | Annotated[TorqueFilter, Tag("torque")]
    | Annotated[UseSpec, Tag("use:")],
    Discriminator(built_in_or_use(None)),
]


class ReleaseSpec(Spec):
    """Another release: another policy, or other filters; what is left out is the fleet's."""

    stack_version: str | None = None
    """What episode rows say of it."""
    policy: (
        Annotated[
            Annotated[ScriptedPolicy, Tag("scripted")] | Annotated[UseSpec, Tag("use:")],
            Discriminator(built_in_or_use("scripted")),
        ]
        | None
    ) = None
    filters: tuple[FilterSpec, ...] | None = None
