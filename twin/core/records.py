"""The values that cross rooms. Columns, kinds and reasons are defined once, here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SCHEMA = 1
"""Version of events, episodes and run folders. A folder of another version is refused."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Bools = NDArray[np.bool_]

EVENT_KINDS: Mapping[str, str] = {
    "job.arrived": "a job entered the queue",
    "job.assigned": "a job was given to a cell under a lease",
    "job.returned": "a job went back to the queue because its cell could not go on",
    "job.done": "all episodes of a job were run",
    "job.failed": "a job was given up",
    "job.cancelled": "a job was withdrawn",
    "episode.start": "an episode began",
    "episode.end": "an episode ended; payload: end_reason, label, symptoms",
    "episode.truth": "what the physics knows of an episode that ended (never known to the farm)",
    "episode.void": "the physics of an episode failed (NaN, engine warning); it counts for nothing",
    "reset.start": "a reset rung was started on a cell",
    "reset.done": "the cell is ready again",
    "reset.failed": "a reset attempt failed",
    "reset.stuck": "automatic attempts are used up; the cell needs a person",
    "reset.abandoned": "every rung failed or ran out of time; the cell is out of service",
    "stop.protective": "the robot stopped itself (payload: reason, category)",
    "stop.emergency": "an emergency stop was pressed (payload: reason, category)",
    "stop.standstill": "a stop came to rest (payload: category, time_s, distance_m, turned_rad, late, moved)",
    "stop.reset": "a stop was unlatched: power is back, nothing moves",
    "stop.cleared": "the robot was started again after a stop",
    "fault.onset": "an injected fault began",
    "fault.cleared": "an injected fault ended",
    "symptom.grip_loss": "the gripper lost what it held",
    "symptom.object_lost": "the object left the reach of the robot",
    "link.timeout": "no answer came over a link in time; the request was sent again",
    "page.sent": "a person was called",
    "page.answered": "a person took the call",
    "page.done": "the person finished",
    "page.expired": "nobody finished the call before its deadline",
    "page.abandoned": "a person left before the work was done",
    "person.astray": "a person went to a wrong cell first (payload: went_to)",
    "person.busy": "a person started on a cell",
    "person.free": "a person is free again",
    "repair.start": "a broken robot waits for its repair",
    "repair.done": "a robot was repaired",
    "repair.part": "a spare part (payload: part, state taken, missing or delivered, stock that is left)",
    "repair.test": "a robot tests itself (payload: why repaired, restarted, failures or due)",
    "repair.tested": "a self-test ended (payload: passed, wrong: what did not move as told)",
    "policy.changed": "a cell runs another policy or version",
    "filter.acted": "the safety chain changed commands in an episode for the first time (payload: filter)",
    "filter.failed": "a filter raised or answered nonsense: its cell stops (payload: filter, error)",
    "filter.breach": "ground truth left what a filter promises (never known to the farm; payload: what, by)",
    "authority.offered": "a cell is free to be leased",
    "authority.granted": "a lease was granted",
    "authority.refused": "an action named a stale lease, an unknown job or an unfit cell",
    "authority.released": "a lease ended",
    "authority.withdrawn": "a cell cannot be leased (reason: broken, resting, maintenance, stopped, out_of_service, power, …)",
    "authority.taken": "somebody took a robot over (payload: holder, name, lease)",
    "authority.returned": "whoever had taken a robot over gave it back (payload: holder, name, lease, how)",
    "authority.lost": "a lease ended because nothing was heard of its holder (payload: holder, name, lease, how)",
    "data.saved": "an episode's data were stored",
    "data.rejected": "an episode's data are not usable (payload: reason)",
    "data.backlog": "what waits on a cell's disk has changed (payload: mb, limit_mb, full_s without room so far)",
}

END_REASONS = ("done", "timeout", "stop", "stuck", "operator", "link", "crash", "void")
SYMPTOMS = ("protective_stop", "grip_loss", "object_lost", "link_timeout")


_canonical = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
"""Kept, because `json.dumps` with these arguments makes an encoder a call: a third of the time of an event."""


class Event(NamedTuple):
    """One thing that happened. `t_us` when; `known_us` when the farm could know (None: never); `cause` another event's seq."""

    seq: int
    t_us: int
    known_us: int | None
    kind: str
    site: str | None
    cell: str | None
    robot: str | None
    job: str | None
    episode: int | None
    cause: int | None
    payload: Mapping[str, Any]

    def canonical(self) -> str:
        """The one text of this event: what is hashed, journalled and compared. Floats round-trip exactly."""
        return _canonical(self)


EVENT_COLUMNS = ("v", "seq", "t_s", "known_s", "kind", "site", "cell", "robot", "job", "episode", "cause", "payload")

EPISODE_COLUMNS: Mapping[str, str] = {
    "episode": "int64",
    "source": "string",
    "schema": "int64",
    "run": "string",
    "fleet": "string",
    "site": "string",
    "cell": "string",
    "robots": "list<string>",
    "robot_model": "string",
    "task": "string",
    "instruction": "string",
    "scene": "string",
    "mode": "string",
    "policy": "string",
    "policy_version": "string",
    "stack_version": "string",
    "collector": "string",
    "job": "string",
    "attempt_of": "int64",
    "start_utc": "timestamp",
    "start_s": "float64",
    "duration_s": "float64",
    "censored": "bool",
    "end_reason": "string",
    "truth": "bool",
    "label": "bool",
    "label_source": "string",
    "label_p": "float64",
    "symptoms": "list<string>",
    "injected": "list<string>",
    "resets": "int64",
    "reset_kind": "string",
    "reset_s": "float64",
    "wait_s": "float64",
    "interventions": "int64",
    "intervention_s": "float64",
    "filtered_ticks": "int64",
    "peak_force_N": "float64",
    "peak_speed_mps": "float64",
    "obs_age_p99_s": "float64",
    "usable": "bool",
    "reject_reason": "string",
    "data_uri": "string",
}
"""The episode table, one row an attempt, the same for simulated and real logs. What a log lacks is null, never zero.

`start_utc` in the journal is ISO 8601 text; in Parquet a UTC timestamp of µs. An episode row crosses rooms as a dict with
exactly these keys (`blank_episode` gives all of them, null)."""


def blank_episode() -> dict[str, Any]:
    """An episode row with every column null."""
    return dict.fromkeys(EPISODE_COLUMNS)


RECEIPT_COLUMNS: Mapping[str, str] = {
    "fault": "string",  # its name in the plan
    "component": "string",
    "mode": "string",
    "target": "string",  # the cell, robot or link it hit
    "onset_s": "float64",
    "cleared_s": "float64",
    "status": "string",  # not_due | masked | acted | inert
    "effect": "float64",  # measured at the port, its output against its input
    "unit": "string",
    "exposed_s": "float64",  # for how long it had something to act on
    "must_act": "bool",
    "note": "string",
}

RECEIPT_STATUS = ("not_due", "masked", "acted", "inert")


_NO_POINTS, _NO_JOINTS, _NO_NUMBERS = np.zeros((0, 3)), np.zeros((0, 0)), np.zeros(0)
_NO_COUNTS, _NO_ROWS = np.zeros(0, np.int64), np.zeros(0, np.int32)
"""What is left out of an observation, made once: eleven empty arrays a tick cost as much as the rest of it."""


@dataclass
class Observation:
    """What n rows sense at one tick. Arrays are copies: editing them never touches the world.

    q, dq (n, nq) rad, rad/s, measured joints; grip (n,) opening in m; tool (n, 3) m, tool point in the robot's base frame;
    objects (n, k, 7) position in m and unit quaternion (w, x, y, z) of each thing that can be moved, as the camera gives it.
    force (n, 3) N, what things, table and tray do to the fingers, robot's base frame: of what hangs in them its weight.
    For policies, what is asked of the episode: goal (n, 3) m, where its object should come; task (n,) index into the tasks
    that the cell can do; unplayed (n,) ticks of its chunks that were never played, since a stop or a drive that failed dropped
    them: it may go on from there. By the lane: last (n, nu) the command sent a tick ago, as filters let it through. For
    filters: rows (n,) which rows these are; last_v (n, nq) its speed in rad/s; tool_v (n, 3) m/s, tool moved per tick. Only
    where a filter wants it: age_s (n,) of the observation behind the command that is due, taken at asked_us (n,); human (n, 3)
    m, the nearest person, NaN for nobody, as known human_age_s (n,) ago.
    """

    q: Floats
    dq: Floats
    grip: Floats
    tool: Floats
    objects: Floats
    goal: Floats = field(default_factory=lambda: _NO_POINTS)
    task: Ints = field(default_factory=lambda: _NO_COUNTS)
    unplayed: Ints = field(default_factory=lambda: _NO_COUNTS)
    rows: Rows = field(default_factory=lambda: _NO_ROWS)
    last: Floats = field(default_factory=lambda: _NO_JOINTS)
    last_v: Floats = field(default_factory=lambda: _NO_JOINTS)
    tool_v: Floats = field(default_factory=lambda: _NO_POINTS)
    age_s: Floats = field(default_factory=lambda: _NO_NUMBERS)
    asked_us: Ints = field(default_factory=lambda: _NO_COUNTS)
    force: Floats = field(default_factory=lambda: _NO_POINTS)
    human: Floats = field(default_factory=lambda: _NO_POINTS)
    human_age_s: Floats = field(default_factory=lambda: _NO_NUMBERS)

    def take(self, index: Any) -> Observation:
        """What the sensors say of some of its rows (without what the lane adds for filters)."""
        asked: dict[str, Any] = {} if not len(self.goal) else {"goal": self.goal[index], "task": self.task[index]}
        asked |= {} if not len(self.force) else {"force": self.force[index]}
        return Observation(self.q[index], self.dq[index], self.grip[index], self.tool[index], self.objects[index], **asked)

    def part(self, index: Any) -> Observation:
        """Some of its rows, with all that filters are shown."""
        return Observation(**{k: v[index] if len(v) == len(self.q) else v for k, v in vars(self).items()})

    def row(self, i: int) -> Observation:
        """One row without the row axis, as single-row filters see it."""
        return self.part(i)


@dataclass
class Truth:
    """Ground truth of n rows: as `Observation`, but exact, never seen by policy, filter or farm.

    q, dq (n, nq); tool (n, 3); objects (n, k, 7) as in `Observation`; held (n, k) bool, whether the gripper carries each;
    force (n,) N, contact force at the fingers (0 where a world has none).
    """

    q: Floats
    dq: Floats
    tool: Floats
    objects: Floats
    held: Bools
    force: Floats


@dataclass
class Chunk:
    """Actions for n rows. actions (n, H, nu): joint targets in rad and the gripper opening in m (last column), one a control
    period; done (n,): the policy considers its task finished after this chunk."""

    actions: Floats
    done: Bools


@dataclass
class Certified:
    """What the safety chain lets through. command (n, nu); changed (n,) index into the chain's filters + 1, 0 where nothing
    changed (the last filter that changed it); margin (n,) the smallest normalised distance to a limit (negative: beyond it);
    stop (n,) True where the chain demands a protective stop. Only a chain says `by` (n,), the filter that demanded it
    (index + 1), and `failed`, (place in the call, filter, what it did) of filters that answered nonsense."""

    command: Floats
    changed: Ints
    margin: Floats
    stop: Bools
    by: Ints | None = None
    failed: tuple[tuple[int, str, str], ...] = ()


class Action(NamedTuple):
    """What a strategy asks of the farm: plain data. `id` is idempotent: the farm carries out an id once."""

    kind: str
    id: str
    cell: str | None = None
    job: str | None = None
    lease: int | None = None
    reset: str | None = None
    pool: str | None = None
    deadline_s: float | None = None
    task: str | None = None
    goal: int | None = None


ACTION_KINDS = ("assign", "cancel", "hold", "practise", "reset", "page", "release")


class Strategy(Protocol):
    """The user's own code, or a built-in: a message handler that sees only what a real farm would know.

    A class attribute `HEARS`, where there is one, names the kinds of events that it wants to be told of; else all.
    """

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """Observable events since the last call, oldest first; returns what should be done."""
        ...

    def wake_at(self) -> int | None:
        """The µs at which `handle` wants to be called again even if nothing happens, or None."""
        ...


@dataclass(frozen=True)
class CellInfo:
    """What a strategy may know of a cell before anything happens."""

    name: str
    site: str
    robots: tuple[str, ...]
    robot_model: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class FleetInfo:
    """What a strategy may know of the fleet: handed to its constructor as the first argument."""

    cells: tuple[CellInfo, ...]
    pools: Mapping[str, int] = field(default_factory=dict)
    """How many people are in each pool."""
    skills: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What each pool can do: `reset`, `repair`."""
    homes: Mapping[str, str | None] = field(default_factory=dict)
    """The site that each pool stays at; None: it goes everywhere."""
