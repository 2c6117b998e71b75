"""The fleet: sites, cells, robots, links, people, data store. The same file describes the real farm."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from twin.control.spec import ComputeSpec, LinkSpec, SelfTestSpec
from twin.core.quantity import NonNegative, nominal
from twin.core.spec import Spec
from twin.farm.ladder import AssistSpec, AutomaticRung, RungSpec
from twin.farm.outcomes import LearningSpec, OutcomeModel
from twin.farm.shifts import ShiftSpec
from twin.faults.catalogue import FaultSpec
from twin.faults.hazards import Law
from twin.world.own.spec import OwnSpec
from twin.world.spec import GripperSpec, LimitsSpec, SensorSpec, WorkcellSpec


class SiteSpec(Spec):
    """A place with one clock on the wall."""

    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            if name != "UTC":
                raise ValueError(f"unknown time zone {name!r}; write it as in 'Europe/Berlin'") from None
        return name


class WearSpec(Spec):
    """When something breaks, and what its repair takes once a technician is there."""

    fails_h: Law | None = None
    """Its life in operating hours."""
    fails_cycles: Law | None = None
    """Its life in episodes; with `fails_h` too, whichever is over first."""
    repair_h: NonNegative = 2.0
    part: str | None = None
    """The spare part that a repair takes, a key of `parts`; left out: none."""


class ReliabilitySpec(WearSpec):
    """When a robot breaks as a whole, and its components that wear out by themselves. A repair renews what broke."""

    components: dict[str, WearSpec] = Field(default_factory=dict)


class PartSpec(Spec):
    """A spare part: so many lie in the store; for each that is taken another is ordered."""

    stock: int = Field(default=1, ge=0)
    delivery_h: NonNegative = 24.0


class StopSpec(Spec):
    """Categories of IEC 60204-1 of a robot's stops (0: power off at once; 1: brake, then power off; 2: brake and stand)."""

    protective: Literal[0, 1, 2] = 2
    emergency: Literal[0, 1] = 1
    """An emergency stop takes power away (IEC 60204-1, 9.2.3.4.2): category 2 is none."""
    limit_s: float = Field(default=1.0, gt=0, le=60)
    """A stop of category 1 or 2 that is not at rest by then takes power away."""
    restart_s: NonNegative = 0.5
    """From the reset of a stop, which moves nothing, to the start, which does."""


class RobotSpec(Spec):
    """A kind of robot in this fleet: arm, gripper, limits, control rate, versions, reliability."""

    model: str
    """An arm in assets/robots (ur3, panda), or a file of one's own beside the fleet (robots/mine.urdf), see docs/robots.md."""
    own: OwnSpec | None = None
    """What the sidecar of a robot of one's own says (robots/mine.yaml): put here from there."""
    gripper: str | None = None
    sensors: tuple[str, ...] = ()
    limits: LimitsSpec = LimitsSpec()
    control_ms: float = Field(default=20.0, gt=0, le=10_000)
    stack_version: str = "1"
    reliability: ReliabilitySpec = ReliabilitySpec()
    stop_recover_s: NonNegative = 5.0
    """How long a protective stop holds before the robot is unlocked and goes on."""
    stops_per_episode: int = Field(default=3, ge=1)
    """With this many stops an episode ends, once the last one is unlocked."""
    stops: StopSpec = StopSpec()


class RobotInCell(Spec):
    """One robot that stands in a cell."""

    robot: str
    """Its kind, a key of `robots`."""
    serial: str | None = None
    stack_version: str | None = None


class DutySpec(Spec):
    """Work so long, then rest so long (AutoEval: 6 h and 20 min)."""

    work_h: NonNegative
    rest_min: float = Field(gt=0, le=1e6)

    @field_validator("work_h")
    @classmethod
    def _some(cls, quantity: Any) -> Any:
        if nominal(quantity) <= 0:
            raise ValueError("must be greater than 0")
        return quantity


class MaintenanceSpec(Spec):
    """A window in which the cell is taken out of work."""

    at_h: float = Field(ge=0, le=1e6)
    for_h: float = Field(gt=0, le=1e6)
    every_h: float | None = Field(default=None, gt=0, le=1e6)

    @model_validator(mode="after")
    def _ends_before_the_next(self) -> MaintenanceSpec:
        if self.every_h is not None and self.every_h <= self.for_h:
            raise ValueError(f"a window of {self.for_h:g} h that comes every {self.every_h:g} h never ends")
        return self


class DetectorSpec(Spec):
    """Labels an episode: error rates of the success detector. The farm acts on the label."""

    false_positive: float = Field(default=0.0, ge=0, le=1)
    false_negative: float = Field(default=0.0, ge=0, le=1)


class CellSpec(Spec):
    """A cell, or `count` cells alike (c → c01, c02, …)."""

    name: str = Field(pattern=r"^[A-Za-z][\w-]*$")
    count: int | None = Field(default=None, ge=1, le=100_000)
    site: str | None = None
    workcell: str = "table"
    robots: tuple[RobotInCell, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = Field(default=("pick_place",), min_length=1)
    link: str | None = None
    """A key of `links`; left out: the policy runs in the cell, messages take no time."""
    compute: str | None = None
    """A key of `compute`; left out: inference takes no time."""
    setup_s: NonNegative = 0.0
    """What changing over to another task takes."""
    duty: DutySpec | None = None
    maintenance: tuple[MaintenanceSpec, ...] = ()
    detector: DetectorSpec = DetectorSpec()


class PeopleSpec(Spec):
    """A pool of people with the same skills, who work on one cell at a time."""

    count: int = Field(default=1, ge=0)
    site: str | None = None
    skills: tuple[Literal["reset", "repair"], ...] = ("reset", "repair")
    response_s: NonNegative = 60.0
    """From the call to setting out."""
    walk_s: NonNegative = 0.0
    """From one cell to the next in the fleet; added for as many as lie between the last call's cell and this one's."""
    work_s: NonNegative = 60.0
    """What a reset takes; a repair takes what the robot's `repair_h` says."""
    queue: Literal["oldest_first", "newest_first", "repair_first", "nearest_first"] = "oldest_first"
    """Which of the calls that wait is answered next."""
    shifts: tuple[ShiftSpec, ...] = ()
    """When they are there, by the clock of their site; left out: always. Work that was begun is finished."""


Probability = Annotated[float, Field(ge=0, le=1)]


class StoreSpec(Spec):
    """Where episodes' data go, and what can become of them on the way; what is looked at before they are taken."""

    uri: str = "file://episodes"
    recorder_drops: Probability = 0.0
    """Share of episodes whose recording is lost."""
    camera_desync: Probability = 0.0
    """Share whose cameras are out of step with the arm."""
    episode_mb: NonNegative = 50.0
    upload_mbps: float = Field(default=100.0, gt=0, le=1e9)
    """Megabits a second from each cell."""
    disk_gb: float | None = Field(default=None, gt=0, le=1e9)
    """What a cell's disk holds of what waits for its upload; left out: all."""
    audited: Probability = 0.0
    """Share of labels that a person looks at again."""
    audit_wrong: Probability = 0.0
    """Share of audits that are wrong."""
    hindsight: bool = False
    """A failure that reached another goal (`reached` of its outcome) is kept as a success for that goal."""
    frame_hz: float = Field(default=30.0, gt=0, le=1e6)
    """Frames that a recorder makes."""
    max_lost: float = Field(default=0.02, ge=0, le=1)
    """Share of an episode's frames that may be missing."""
    max_offset_ms: float = Field(default=50.0, ge=0, le=1e9)
    """How far the camera's times may be off."""
    max_extrinsics_mm: float | None = Field(default=None, ge=0, le=1e9)
    """How far the camera's recorded place may be off; left out: nobody looks."""
    max_skew_s: float = Field(default=1.0, ge=0, le=1e9)
    """How far the time of a recording may be off."""


class CostSpec(Spec):
    """What a farm costs, in one currency: what is there once, each robot, people by the hour, repairs."""

    currency: str = "EUR"
    fixed: float = Field(default=0.0, ge=0)
    """Paid once however many robots there are (rooms, software, servers)."""
    robot: float = Field(default=0.0, ge=0)
    """A robot with its cell."""
    years: float = Field(default=5.0, gt=0, le=100)
    """Over which fixed cost and robots are written off."""
    person_h: float = Field(default=0.0, ge=0)
    repair: float = Field(default=0.0, ge=0)
    """Parts of one repair."""
    running_h: float = Field(default=0.0, ge=0)
    """A robot's hour: power, rent, network."""


class FleetSpec(Spec):
    """The whole farm as it stands."""

    fleet: str
    sites: dict[str, SiteSpec] = Field(default_factory=lambda: {"site": SiteSpec()})
    workcells: dict[str, WorkcellSpec] = Field(default_factory=lambda: {"table": WorkcellSpec()})
    grippers: dict[str, GripperSpec] = Field(default_factory=dict)
    sensors: dict[str, SensorSpec] = Field(default_factory=dict)
    compute: dict[str, ComputeSpec] = Field(default_factory=dict)
    links: dict[str, LinkSpec] = Field(default_factory=dict)
    people: dict[str, PeopleSpec] = Field(default_factory=dict)
    robots: dict[str, RobotSpec] = Field(min_length=1)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Cells that hang together (one switch, one fuse): names and patterns."""
    parts: dict[str, PartSpec] = Field(default_factory=dict)
    resets: tuple[RungSpec, ...] = (AutomaticRung(kind="automatic"),)
    assist: AssistSpec | None = None
    """Whom episodes that get nowhere call (physics; in the outcome tier the outcomes hold its effect)."""
    self_test: SelfTestSpec = SelfTestSpec()
    store: StoreSpec = StoreSpec()
    costs: CostSpec | None = None
    faults: dict[str, FaultSpec] = Field(default_factory=dict)
    """What goes wrong on this fleet anyway, by name, at the rates that were measured (`twin calibrate`); a scenario adds its
    own to them. In the outcome tier the outcomes hold their effects."""
    learning: LearningSpec | None = None
    """How the policy of each site gets better with its data (`tier: outcome`)."""
    outcomes: OutcomeModel | None = None
    """What becomes of episodes in scenarios of `tier: outcome`."""
    cells: tuple[CellSpec, ...] = Field(min_length=1)
