"""Episodes: how one begins, what comes up while it runs, and what its end leaves behind.

`Episodes` is what both tiers share: `Simulated` (simulated.py) steps physics on rows of lanes, `Drawn` (drawn.py) draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.quantity import quantile
from twin.farm.assisting import Assisting
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.data import DataDesk
from twin.farm.detector import label
from twin.farm.jobs import Job
from twin.farm.ladder import ReverseRung
from twin.farm.lane import Lane
from twin.farm.recovery import Recovery
from twin.farm.repair import Repair
from twin.farm.rows import ended
from twin.farm.stopping import Stopping
from twin.farm.ticks import Ticks
from twin.farm.trouble import Trouble
from twin.farm.wear import Wear
from twin.farm.work import Work
from twin.faults.injection import Injection

REACHABLE = ("done", "timeout", "stop", "stuck")
"""End reasons of episodes whose data are usable."""


class Found(NamedTuple):
    """What is found when an episode is over: truth (None: voided), whether a robot can tidy up, columns of its row,
    whether the task goes on without a reset, and another goal that was reached instead."""

    truth: bool | None
    in_reach: bool
    columns: Mapping[str, Any]
    stands: bool = False
    reached: str | None = None


class Episodes:
    """The episodes of one farm. A tier says how one is set going, held, let go on, and taken off its cell."""

    lanes: Sequence[Lane] = ()
    ticks: Ticks | None = None
    """Where somebody wants to see what the cells do."""

    def __init__(
        self,
        clock: Clock,
        book: Book,
        chance: Chance,
        work: Work,
        recovery: Recovery,
        repair: Repair,
        wear: Wear,
        trouble: Trouble,
        desk: DataDesk,
        facts: Mapping[str, Any],
    ) -> None:
        """facts: constants of the run that episode rows carry."""
        self.clock, self.book, self.chance = clock, book, chance
        self.work, self.recovery, self.trouble = work, recovery, trouble
        self.repair, self.wear = repair, wear
        self.stopping = Stopping(clock, book, chance, self, work, recovery, trouble)
        self.desk, self.facts = desk, dict(facts)
        recovery.tier = self
        self.assisting: Assisting | None = None
        """Where episodes may call for help."""
        self.begun = self.voided = 0
        self.robot_us = 0
        """Time in episodes, of all robots."""

    def constants(self) -> list[Any]:
        """What the scenario alone decides: a snapshot names it and does not copy it."""
        return [self.facts, self.desk.spec]

    def can_undo(self, cell: Cell, rung: ReverseRung) -> bool:
        """Whether the task that a cell did has a reverse that it can do."""
        raise NotImplementedError

    def undo(self, cell: Cell, rung: ReverseRung) -> None:
        """Let the cell do the reverse of the task that it did, from how things lie; ends with `undo.end`."""
        raise NotImplementedError

    def undone(self, cell: Cell) -> bool:
        """Take the reverse of a task off its row: whether the task could begin again as things lie."""
        raise NotImplementedError

    def break_off(self, cell: Cell) -> None:
        """Whatever undoes a task on a cell stops at once."""

    def attend(self, cell: Cell, page: Any) -> None:
        """Somebody stands at the robot: it moves for nobody."""

    def attended(self, cell: Cell) -> None:
        """Whoever stood there is done, or gone."""

    def operate(self, cell: Cell, page: Any, spec: Any) -> bool:
        """Let an operator drive the cell from afar; ends with `person.finish`. False where there is nothing to drive."""
        return False

    def launch(self, cell: Cell, job: Job) -> None:
        """Set the episode going that has begun on a cell."""
        raise NotImplementedError

    def halt(self, cell: Cell, job: Job, reason: str) -> Found:
        """Take the episode off its cell."""
        raise NotImplementedError

    def versions_of(self, cell: Cell) -> dict[str, Any]:
        """Columns of its episode's row about versions, where the cell does not run the fleet's."""
        return {}

    def stop_robot(self, cell: Cell, category: int) -> bool:
        """A robot has to stand still from now on. False where it is stopped so strictly already."""
        raise NotImplementedError

    def reset_stop(self, cell: Cell) -> bool:
        """Unlatch its stop. False while it still moves."""
        raise NotImplementedError

    def start_robot(self, cell: Cell) -> None:
        """It may move again."""
        raise NotImplementedError

    def cut_off(self, cell: Cell, fault: Injection) -> None:
        """Nothing that a cell asks is answered from now on (outcome tier: on lanes messages are lost)."""
        raise NotImplementedError

    def answered(self, cell: Cell, fault: Injection) -> None:
        """An outage of a cell is over."""
        raise NotImplementedError

    def waits(self, cell: Cell, fault: Injection) -> bool:
        """Whether an episode stands because of an outage."""
        raise NotImplementedError

    def launch_test(self, cell: Cell) -> None:
        """Set a self-test going; its result comes to `test_over`."""
        raise NotImplementedError

    def darken(self, cell: Cell) -> None:
        """A cell in which nothing runs has no power: what its arm does on its brakes."""

    def light(self, cell: Cell) -> None:
        """It has power again."""

    def halt_test(self, cell: Cell) -> None:
        """Take a self-test off its cell, because it is over or cut short."""
        raise NotImplementedError

    def begin(self) -> None:
        """What a tier enters on the clock at the start."""

    def rollout(self, site: str) -> None:
        """A new version of the policy for a site."""
        raise NotImplementedError

    def tick(self, index: int) -> None:
        """The turn of a lane."""
        raise NotImplementedError

    def over(self, cell: Cell) -> None:
        """The end that was drawn for an episode has come."""
        raise NotImplementedError

    def start(self, cell: Cell) -> None:
        """The next episode of the job that holds the cell's lease, once the cell is set up for its task."""
        job = self.work.jobs[cell.job or ""]
        if cell.spec.setup_s and cell.setup not in (None, job.spec.task):
            self._set_up(cell, job)
            return
        self.begun += 1
        episode, now, cell.setup = self.begun, self.clock.now_us, job.spec.task
        if cell.wait_from_us is not None:
            cell.wait_us += now - cell.wait_from_us
            cell.wait_from_us = None
        cell.state, cell.episode, cell.started_us, cell.stops = "episode", episode, now, 0
        cell.count += 1
        cell.symptoms, cell.injected = [], []
        cell.start_event = self.book.usual("episode.start", cell, job=job.name, episode=episode, task=job.spec.task)
        self.launch(cell, job)
        if self.assisting is not None:
            self.assisting.begins(cell)
        self.trouble.episode_begins(cell)

    def _set_up(self, cell: Cell, job: Job) -> None:
        """Another task than before: objects and fixtures are changed first."""
        cell.state, cell.setup = "setup", job.spec.task
        self.book.emit("reset.start", cell, job=job.name, reset="setup", attempt=1)
        cell.tried += 1
        seconds = quantile(cell.spec.setup_s, self.chance.uniform(cell.name, "setup", cell.tried))
        cell.timers["reset"] = self.clock.after(seconds, "setup.end", cell.name)

    def end(self, cell: Cell, reason: str) -> None:
        """Close an episode: truth, label, row, and on to the reset unless the robot is broken."""
        episode, now = cell.episode, self.clock.now_us
        assert episode is not None and cell.job is not None
        job = self.work.jobs[cell.job]
        if reason in ("crash", "stop"):
            self.stopping.over(cell)
        self.recovery.cancel(cell, "timeout", "failure", "drawn")
        if self.assisting is not None:
            self.assisting.ends(cell)
        truth, cell.in_reach, columns, cell.stands, reached = self.halt(cell, job, reason)
        cell.stands &= reason in ("done", "timeout")
        spent = now - cell.started_us
        cell.rested_us, cell.operated_us = cell.rested_us + spent, cell.operated_us + spent
        self.wear.episode_ended(cell, spent)
        seen = (
            None if truth is None else label(truth, cell.spec.detector, self.chance.uniform(cell.name, "detector", cell.count))
        )
        if not cell.in_reach:
            self.symptom(cell, "object_lost", "symptom.object_lost")
        cause = self.book.usual("episode.end", cell, job=job.name, episode=episode, cause=cell.start_event, end_reason=reason,
                                label=seen, symptoms=list(cell.symptoms))  # fmt: skip
        if reason == "void":
            self.voided += 1
            self.book.emit("episode.void", cell, job=job.name, episode=episode, cause=cause)
        else:
            self.book.usual("episode.truth", cell, job=job.name, episode=episode, cause=cause, known=False, truth=truth)
        of = self.work.count_attempt(job, episode, bool(seen), reason)
        filed = self.desk.file(cell, spent, seen, truth, reached, None if reason in REACHABLE else reason)
        self.desk.keep(cell, job.name, episode, filed)
        row = ended(self.facts, cell, job, now, reason=reason, truth=truth, attempt_of=of, filed=filed)
        self.book.row({**row, **columns})
        self.trouble.episode_ends(cell)
        self._fresh(cell)
        self.repair.doubt(cell, seen)
        cell.state = "leased"
        if reason != "crash" and not self.stopping.outlives(cell):
            (self.recovery.stand if cell.stands else self.recovery.begin)(cell, everyday=reason != "void")

    def test(self, cell: Cell) -> None:
        """A short self-test of the robot: no job, no row in the table of episodes."""
        cell.state, cell.tests = "test", cell.tests + 1
        cell.test_event = self.book.emit("repair.test", cell, job=cell.job, why=cell.suspect)
        self.launch_test(cell)

    def test_over(self, cell: Cell, wrong: list[str]) -> None:
        """The result of a self-test: on to the reset ladder, or to (another) repair."""
        self.halt_test(cell)
        cell.state = "leased"
        cause = self.book.emit("repair.tested", cell, job=cell.job, cause=cell.test_event, passed=not wrong, wrong=wrong)
        if self.repair.tested(cell, wrong, cause):
            self.recovery.begin(cell)
        elif cell.state == "broken":
            self.work.withdraw(cell, "broken")

    def symptom(self, cell: Cell, name: str, kind: str) -> None:
        """A running episode shows a symptom."""
        if name not in cell.symptoms:
            cell.symptoms.append(name)
        self.book.emit(kind, cell, job=cell.job, episode=cell.episode)

    def _fresh(self, cell: Cell) -> None:
        """What the next episode's row counts begins now."""
        cell.resets, cell.reset_kind, cell.reset_us, cell.wait_us = 0, None, 0, 0
        cell.interventions, cell.intervention_us = 0, 0
