"""What robots do when nobody asked for anything: built-in strategies of the role `idle`. Users bring their own with `use:`.

Goal space is a square of `side` × `side` goal cells; a practice is one episode of a task at one of them. A goal cell is also a
scene, so that in physics the same goal always begins from the same state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from twin.core.chance import Chance
from twin.core.records import Action, Event, FleetInfo
from twin.core.spec import Spec

STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


class _Practice(Spec):
    """What every way to practise has."""

    side: int = Field(default=16, ge=1, le=1000)
    """Goal cells along each side of goal space."""


class NoneSpec(Spec):
    """Robots wait."""

    kind: Literal["none"] = "none"


class UniformSpec(_Practice):
    """Any task and any goal, each as likely as the next."""

    kind: Literal["uniform"]


class WalkSpec(_Practice):
    """Every robot walks through goal space by itself, a step a practice, and knows nothing of the others."""

    kind: Literal["random_walk"]


class LeastSpec(_Practice):
    """The task and goal that were practised least by all robots together."""

    kind: Literal["least_practised"]


class ProgressSpec(_Practice):
    """The task at which success changes most; now and then (`explore`) any."""

    kind: Literal["learning_progress"]
    explore: float = Field(default=0.2, ge=0, le=1)


class TargetedSpec(_Practice):
    """Goal space is divided among the robots; each takes the goal of its own region that lies farthest from those it had."""

    kind: Literal["targeted"]


BuiltIn = (
    Annotated[NoneSpec, Tag("none")]
    | Annotated[UniformSpec, Tag("uniform")]
    | Annotated[WalkSpec, Tag("random_walk")]
    | Annotated[LeastSpec, Tag("least_practised")]
    | Annotated[ProgressSpec, Tag("learning_progress")]
    | Annotated[TargetedSpec, Tag("targeted")]
)


class Idle:
    """Books of free cells and of jobs that wait; `choose` says what a free cell practises while none does."""

    HEARS: tuple[str, ...] = (
        "job.arrived", "job.returned", "job.assigned", "job.done", "job.failed", "job.cancelled",
        "authority.offered", "authority.granted", "authority.withdrawn", "episode.end",
    )  # fmt: skip

    def __init__(self, fleet: FleetInfo, spec: Any, seed: int = 0) -> None:
        self.tasks = {c.name: c.tasks for c in fleet.cells}
        self.order = {c.name: i for i, c in enumerate(fleet.cells)}
        self.chance, self.side = Chance(seed), int(getattr(spec, "side", 1))
        self.queue: dict[str, None] = {}
        self.free: dict[str, int] = {}
        self.done: dict[str, int] = {}
        """Practices of each cell so far: what its draws are keyed by."""
        self.doing: dict[str, tuple[str, int]] = {}
        """Cell → task and goal of its practice."""

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """Let every free cell practise while no job waits."""
        for event in events:
            self._note(event)
        if self.queue:
            return []
        actions = []
        for cell in sorted(self.free, key=self.order.__getitem__):
            self.done[cell] = self.done.get(cell, 0) + 1
            task, goal = self.choose(cell)
            self.doing[cell] = (task, goal)
            lease = self.free.pop(cell)
            actions.append(Action("practise", f"practise@{cell}#{lease}", cell=cell, lease=lease, task=task, goal=goal))
        return actions

    def wake_at(self) -> int | None:
        """Nothing to wait for."""
        return None

    def _note(self, event: Event) -> None:
        match event.kind:
            case "job.arrived" | "job.returned" if event.job:
                self.queue[event.job] = None
            case "job.assigned" | "job.done" | "job.failed" | "job.cancelled" if event.job:
                self.queue.pop(event.job, None)
            case "authority.offered" if event.cell:
                self.free[event.cell] = event.payload["lease"]
            case "authority.granted" | "authority.withdrawn" if event.cell:
                self.free.pop(event.cell, None)
            case "episode.end" if event.cell in self.doing:
                self.learnt(event.cell, *self.doing.pop(event.cell), bool(event.payload["label"]))

    def draw(self, cell: str, what: str, n: int) -> int:
        """A whole number below n, of this cell and practice."""
        return int(self.chance.uniform(cell, f"idle/{what}", self.done[cell]) * n)

    def choose(self, cell: str) -> tuple[str, int]:
        """Task and goal of a cell's next practice."""
        raise NotImplementedError

    def learnt(self, cell: str, task: str, goal: int, label: bool) -> None:
        """A practice ended so."""


class Rest(Idle):
    """Robots wait."""

    HEARS = ()

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """Nothing."""
        return []


class Uniform(Idle):
    """Any task, any goal."""

    def choose(self, cell: str) -> tuple[str, int]:
        """Draw both."""
        tasks = self.tasks[cell]
        return tasks[self.draw(cell, "task", len(tasks))], self.draw(cell, "goal", self.side**2)


class RandomWalk(Idle):
    """Independent walkers that begin in the middle of goal space."""

    def __init__(self, fleet: FleetInfo, spec: Any, seed: int = 0) -> None:
        super().__init__(fleet, spec, seed)
        self.at = dict.fromkeys(self.tasks, (self.side // 2, self.side // 2))

    def choose(self, cell: str) -> tuple[str, int]:
        """One step in any direction; at a wall the walker stays."""
        (x, y), (dx, dy) = self.at[cell], STEPS[self.draw(cell, "step", len(STEPS))]
        x, y = (min(self.side - 1, max(0, v)) for v in (x + dx, y + dy))
        self.at[cell] = (x, y)
        tasks = self.tasks[cell]
        return tasks[self.draw(cell, "task", len(tasks))], x * self.side + y


class LeastPractised(Idle):
    """What was practised least, by all robots together."""

    def __init__(self, fleet: FleetInfo, spec: Any, seed: int = 0) -> None:
        super().__init__(fleet, spec, seed)
        self.times: dict[tuple[str, int], int] = {}

    def choose(self, cell: str) -> tuple[str, int]:
        """The task with the fewest practices, then a goal of its with the fewest; of equals the first after a drawn one."""
        by_task = dict.fromkeys(self.tasks[cell], 0)
        for (task, _), n in self.times.items():
            if task in by_task:
                by_task[task] += n
        task = min(by_task, key=by_task.__getitem__)
        goals, first = self.side**2, self.draw(cell, "goal", self.side**2)
        goal = min(range(goals), key=lambda g: (self.times.get((task, g), 0), (g - first) % goals))
        self.times[task, goal] = self.times.get((task, goal), 0) + 1
        return task, goal


class LearningProgress(Idle):
    """The task whose success changes most: the gap between a quick and a slow average of its labels."""

    def __init__(self, fleet: FleetInfo, spec: ProgressSpec, seed: int = 0) -> None:
        super().__init__(fleet, spec, seed)
        self.explore = spec.explore
        self.quick: dict[str, float] = {}
        self.slow: dict[str, float] = {}

    def choose(self, cell: str) -> tuple[str, int]:
        """The task with the largest gap; one that was never tried comes first."""
        tasks = self.tasks[cell]
        unknown = [task for task in tasks if task not in self.quick]
        if unknown or self.chance.uniform(cell, "idle/explore", self.done[cell]) < self.explore:
            task = (unknown or list(tasks))[self.draw(cell, "task", len(unknown or tasks))]
        else:
            task = max(tasks, key=lambda t: abs(self.quick[t] - self.slow[t]))
        return task, self.draw(cell, "goal", self.side**2)

    def learnt(self, cell: str, task: str, goal: int, label: bool) -> None:
        """Move both averages towards the label."""
        for average, share in ((self.quick, 0.1), (self.slow, 0.02)):
            average[task] = average.get(task, 0.5) + share * (label - average.get(task, 0.5))


class Targeted(Idle):
    """Regions of goal space, one a robot, each filled from the goal that is farthest from what was practised in it."""

    def __init__(self, fleet: FleetInfo, spec: Any, seed: int = 0) -> None:
        super().__init__(fleet, spec, seed)
        share = len(self.order) or 1
        goals = [x * self.side + (y if x % 2 == 0 else self.side - 1 - y) for x in range(self.side) for y in range(self.side)]
        self.region = {
            c: goals[i * len(goals) // share : (i + 1) * len(goals) // share] or goals for c, i in self.order.items()
        }
        """A snake through goal space, cut into pieces of equal length."""
        self.far: dict[str, dict[int, int]] = {}
        """Cell → goals of its region not practised in this round, and how near the nearest practised one is."""

    def choose(self, cell: str) -> tuple[str, int]:
        """The farthest goal of the region; when all were had, the round begins anew."""
        if not self.far.get(cell):
            self.far[cell] = dict.fromkeys(self.region[cell], 2 * self.side)
        far = self.far[cell]
        goal = max(far, key=lambda g: (far[g], -g))
        del far[goal]
        x, y = divmod(goal, self.side)
        for other in far:
            a, b = divmod(other, self.side)
            far[other] = min(far[other], abs(a - x) + abs(b - y))
        tasks = self.tasks[cell]
        return tasks[self.draw(cell, "task", len(tasks))], goal


CURRICULA: Mapping[type[Spec], type[Idle]] = {
    NoneSpec: Rest,
    UniformSpec: Uniform,
    WalkSpec: RandomWalk,
    LeastSpec: LeastPractised,
    ProgressSpec: LearningProgress,
    TargetedSpec: Targeted,
}
