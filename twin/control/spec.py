"""Specs of what drives a robot: policy, safety filters, links, policy servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

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
    perception_error_mm: float = Field(default=4.0, ge=0)
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


class JointLimitsFilter(Spec):
    """Keeps commands within joint position, velocity and acceleration limits."""

    kind: Literal["joint_limits"]


class WorkspaceFilter(Spec):
    """Stops the tool before it leaves a box in the robot's base frame (m); left out: the workcell's own box."""

    kind: Literal["workspace_box"]
    low_m: tuple[float, float, float] | None = None
    high_m: tuple[float, float, float] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> WorkspaceFilter:
        if self.low_m and self.high_m and any(low >= high for low, high in zip(self.low_m, self.high_m, strict=True)):
            raise ValueError(f"high_m {list(self.high_m)} must lie above low_m {list(self.low_m)} in every coordinate")
        return self


class TrackingMonitor(Spec):
    """Demands a protective stop when a measured joint is this far from its command for this long."""

    kind: Literal["tracking"]
    error_rad: float = Field(default=0.25, gt=0)
    for_ms: float = Field(default=100.0, ge=0, le=1e9)


BuiltInFilter = Annotated[JointLimitsFilter | WorkspaceFilter | TrackingMonitor, Field(discriminator="kind")]

FilterSpec = Annotated[
    Annotated[JointLimitsFilter, Tag("joint_limits")]
    | Annotated[WorkspaceFilter, Tag("workspace_box")]
    | Annotated[TrackingMonitor, Tag("tracking")]
    | Annotated[UseSpec, Tag("use:")],
    Discriminator(built_in_or_use(None)),
]
