"""Episodes: how one begins on a lane's row, what comes up while it runs, and what its end leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.detector import label
from twin.farm.lane import Lane
from twin.farm.recovery import Recovery
from twin.farm.rows import ended
from twin.farm.trouble import Trouble
from twin.farm.work import Work

REACHABLE = ("done", "timeout", "stop", "stuck")
"""End reasons of episodes whose data are usable."""


class Episodes:
    """The episodes of one farm, each on a row of a lane. What runs is stepped by `tick`, nothing else is."""

    def __init__(
        self,
        clock: Clock,
        book: Book,
        chance: Chance,
        cells: Mapping[str, Cell],
        lanes: Sequence[Lane],
        tasks: Sequence[Mapping[str, Any]],
        work: Work,
        recovery: Recovery,
        trouble: Trouble,
        facts: Mapping[str, Any],
    ) -> None:
        """tasks: for each lane its tasks by name. facts: constants of the run that episode rows carry."""
        self.clock, self.book, self.chance = clock, book, chance
        self.lanes, self.tasks = list(lanes), list(tasks)
        self.work, self.recovery, self.trouble = work, recovery, trouble
        self.facts = dict(facts)
        self.at = {(c.lane, c.row): c for c in cells.values()}
        self.begun = self.voided = 0
        self.robot_us = 0
        self.running = [False] * len(self.lanes)
        """Lanes that have an entry on the clock."""

    def tick(self, index: int) -> None:
        """The turn of a lane: one control period of its running rows; a lane without any leaves the clock."""
        lane = self.lanes[index]
        if not len(lane.rows):
            self.running[index] = False
            return
        self.robot_us += lane.period_us * len(lane.rows)
        for row, what, detail in lane.tick(self.clock.now_us, self.book.chain):
            self._outcome(self.at[index, row], what, detail)
        self.clock.at(self.clock.now_us + lane.period_us, "lane.tick", "", index, rank=1 + index)

    def start(self, cell: Cell) -> None:
        """The next episode of the job that holds the cell's lease."""
        self.begun += 1
        lane, episode, now = self.lanes[cell.lane], self.begun, self.clock.now_us
        job = self.work.jobs[cell.job or ""]
        task = self.tasks[cell.lane][job.spec.task]
        if cell.wait_from_us is not None:
            cell.wait_us += now - cell.wait_from_us
            cell.wait_from_us = None
        cell.state, cell.episode, cell.started_us, cell.stops = "episode", episode, now, 0
        cell.count += 1
        cell.symptoms, cell.injected = [], []
        cell.start_event = self.book.emit("episode.start", cell, job=job.name, episode=episode, task=job.spec.task)
        start = task.start([self.chance.stream(cell.name, "start", cell.count)])
        lane.begin(now, cell.row, cell.count, start, self.chance.stream(cell.name, "policy", cell.count))
        cell.timers["timeout"] = self.clock.after(self.facts["timeout_s"], "episode.timeout", cell.name, episode)
        if cell.fails_at_us is not None:
            cell.timers["failure"] = self.clock.at(now + max(0, cell.fails_at_us - cell.worked_us), "robot.breaks", cell.name)
        self.trouble.episode_begins(cell)
        if not self.running[cell.lane]:
            self.running[cell.lane] = True
            first = -(-now // lane.period_us) * lane.period_us
            if now == first and self.clock.rank > cell.lane:  # had the lane been running, its turn would be over
                first += lane.period_us
            self.clock.at(first, "lane.tick", "", cell.lane, rank=1 + cell.lane)

    def end(self, cell: Cell, reason: str) -> None:
        """Close an episode: truth, label, row, and on to the reset unless the robot is broken."""
        lane, episode, now = self.lanes[cell.lane], cell.episode, self.clock.now_us
        assert episode is not None and cell.job is not None
        job, one = self.work.jobs[cell.job], np.array([cell.row], np.int32)
        task = self.tasks[cell.lane][job.spec.task]
        self.recovery.cancel(cell, "timeout", "failure", "stop")
        if cell.stopped_from_us is not None:
            self.clear_stop(cell)
        self.trouble.episode_ends(cell)
        lane.end(cell.row)
        spent = now - cell.started_us
        cell.worked_us, cell.rested_us, cell.operated_us = (
            us + spent for us in (cell.worked_us, cell.rested_us, cell.operated_us)
        )
        void = reason == "void"
        real = lane.world.truth(one)
        truth = None if void else bool(task.success(real)[0])
        cell.in_reach = void or bool(task.in_reach(real)[0])
        stream = self.chance.stream(cell.name, "detector", cell.count)
        seen = None if truth is None else label(truth, cell.spec.detector, stream)
        if not cell.in_reach:
            self._symptom(cell, "object_lost", "symptom.object_lost")
        cause = self.book.emit(
            "episode.end",
            cell,
            job=job.name,
            episode=episode,
            cause=cell.start_event,
            end_reason=reason,
            label=seen,
            symptoms=list(cell.symptoms),
        )
        if void:
            self.voided += 1
            self.book.emit("episode.void", cell, job=job.name, episode=episode, cause=cause)
        else:
            self.book.emit("episode.truth", cell, job=job.name, episode=episode, cause=cause, known=False, truth=truth)
        of = self.work.count_attempt(job, episode, bool(seen), reason)
        usable = reason in REACHABLE
        if usable:
            self.book.emit("data.saved", cell, job=job.name, episode=episode)
        else:
            self.book.emit("data.rejected", cell, job=job.name, episode=episode, reason=reason)
        row = ended(self.facts, cell, job, lane, now, reason=reason, truth=truth, label=seen, attempt_of=of, usable=usable)
        self.book.episodes.append(row)
        self._fresh(cell)
        cell.state = "leased"
        if reason != "crash":
            self.recovery.begin(cell)

    def _outcome(self, cell: Cell, what: str, detail: Any) -> None:
        """Something a lane's tick brought about. An episode that ended at this tick hears of nothing more."""
        if cell.state != "episode":
            return
        match what:
            case "void":
                self.end(cell, "void")
            case "finished":
                self.end(cell, "done")
            case "stop":
                self.stop(cell, detail, cell.robot_spec.stop_recover_s)
            case "grip_loss":
                self._symptom(cell, "grip_loss", "symptom.grip_loss")
            case "link_timeout":
                self._symptom(cell, "link_timeout", "link.timeout")
            case "filter":
                self.book.emit("filter.acted", cell, job=cell.job, episode=cell.episode, filter=detail)
            case "breach":
                self.book.emit("filter.breach", cell, job=cell.job, episode=cell.episode, known=False, what=detail)

    def _symptom(self, cell: Cell, name: str, kind: str) -> None:
        if name not in cell.symptoms:
            cell.symptoms.append(name)
        self.book.emit(kind, cell, job=cell.job, episode=cell.episode)

    def stop(self, cell: Cell, why: str, recover_s: Any) -> bool:
        """A protective stop: the robot holds until unlocked; too many in one episode end it then. False where it held."""
        lane = self.lanes[cell.lane]
        if cell.state != "episode" or lane.stopped[cell.row]:
            return False
        cell.stops += 1
        self.book.emit("stop.protective", cell, job=cell.job, episode=cell.episode, reason=why)
        if "protective_stop" not in cell.symptoms:
            cell.symptoms.append("protective_stop")
        lane.stopped[cell.row] = True
        cell.stopped_from_us = self.clock.now_us
        stream = self.chance.stream(cell.name, f"stop/{cell.stops}", cell.count)
        cell.timers["stop"] = self.clock.after(draw(recover_s, stream), "stop.recover", cell.name)
        return True

    def clear_stop(self, cell: Cell) -> None:
        """Unlock a stopped robot; the episode goes on from where it stands."""
        lane = self.lanes[cell.lane]
        lane.stopped[cell.row] = False
        lane.safety.begin(cell.row)
        self.book.emit("stop.cleared", cell, job=cell.job, episode=cell.episode)
        if cell.stopped_from_us is not None:
            self.trouble.stop_cleared(cell, self.clock.now_us - cell.stopped_from_us)
        cell.stopped_from_us = None

    def _fresh(self, cell: Cell) -> None:
        """What the next episode's row counts begins now."""
        cell.resets, cell.reset_kind, cell.reset_us, cell.wait_us = 0, None, 0, 0
        cell.interventions, cell.intervention_us = 0, 0
