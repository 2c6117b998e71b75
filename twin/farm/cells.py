"""A cell as the farm sees it: where it stands, what it is doing, what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.farm.spec import CellSpec, RobotSpec

ROBOT = "robot"
"""The component that stands for the robot as a whole."""


@dataclass
class Cell:
    """One cell. `state`: free, held, leased, setup, episode, reset, stuck, broken, test, resting, maintenance, stopped,
    down, out."""

    name: str
    site: str
    robot: str
    """Serial of its robot."""
    kind: str
    """The robot's kind, a key of the fleet's robots."""
    spec: CellSpec
    robot_spec: RobotSpec
    stack_version: str
    lane: int
    row: int
    state: str = "free"
    lease: int = 0
    job: str | None = None
    leased_by: str = ""
    """The strategy that gave it its latest job."""
    leased_us: int = 0
    setup: str | None = None
    """The task that it is set up for."""
    yields: bool = False
    """The lease ends after the episode that runs."""
    episode: int | None = None
    """Number of the running or last episode, over the whole farm."""
    count: int = 0
    """Episodes begun here: what draws are keyed by, so that other cells never move them."""
    calls: int = 0
    """People called to it so far."""
    started_us: int = 0
    start_event: int | None = None
    operated_us: int = 0
    """Operating time in all."""
    component: str = ROBOT
    """What of the robot broke last."""
    repairs: int = 0
    tests: int = 0
    """Self-tests begun."""
    test_event: int | None = None
    tested_us: int = 0
    """Operating time at the last one that was passed."""
    failures: int = 0
    """Failed episodes in a row since then."""
    clock_off_us: int = 0
    """How far its clock is ahead in what it recorded last."""
    suspect: str | None = None
    """Why the robot must be tested before it works again."""
    rested_us: int = 0
    """Operating time since the last rest."""
    maintenance_until_us: int = 0
    stops: int = 0
    stop: int | None = None
    """Category of the stop that is latched."""
    stopped_by: str | None = None
    """What the latest stop was for: a fault by its name, a filter, a person."""
    stopped_from_us: int | None = None
    stopped_in: str = "free"
    """What a stop between episodes interrupted: free, reset."""
    in_reach: bool = True
    stands: bool = False
    """The last episode left things so that its task, which lasts, goes on without a reset."""
    rung: int = 0
    attempt: int = 0
    tried: int = 0
    """Automatic attempts so far: what their draws are keyed by."""
    used: dict[int, list[int]] = field(default_factory=dict)
    """Rung with a cap → when it was used in the last hour (µs)."""
    rung_from_us: int = 0
    """When the first attempt of the rung began."""
    undoing: bool = False
    driven: bool | None = None
    """Whether the operator who drove the robot left it in order; None: nobody drove it."""
    """Its row runs the reverse of a task."""
    everyday: bool = False
    """The reset follows an episode that ended by itself, and all goes well so far."""
    cry: int | None = None
    """The event that asked for a person, the cause of a call."""
    page: int | None = None
    assists: int = 0
    """Calls for help from the running episode."""
    timers: dict[str, int] = field(default_factory=dict)
    """Orders of clock entries to cancel when the state that set them ends."""
    resets: int = 0
    reset_kind: str | None = None
    reset_us: int = 0
    reset_from_us: int = 0
    wait_us: int = 0
    wait_from_us: int | None = 0
    interventions: int = 0
    intervention_us: int = 0
    symptoms: list[str] = field(default_factory=list)
    injected: list[str] = field(default_factory=list)
