"""The farm: one clock, its cells and lanes, and what follows from what.

Every entry on the clock comes to one small handler here. The state machines it moves live beside it: `Work` (jobs and leases),
`Recovery` (resets, people, repair), `Lane` (control), `Trouble` (planned faults).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twin.core.chance import Chance
from twin.core.clock import US, Clock, to_us
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.detector import label
from twin.farm.jobs import Arrivals, Job
from twin.farm.lane import Lane
from twin.farm.recovery import Recovery
from twin.farm.rows import ended
from twin.farm.trouble import Trouble
from twin.farm.work import Work

REACHABLE = ("done", "timeout", "stop", "stuck")
"""End reasons of episodes whose data are usable."""


class Farm:
    """A farm ready to run. Built by `twin.run`, snapshotted by `twin.run`; `handlers` is all that the clock needs."""

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
        arrivals: Arrivals,
        trouble: Trouble,
        facts: Mapping[str, Any],
    ) -> None:
        """tasks: for each lane its tasks by name. facts: constants of the run that episode rows carry."""
        self.clock, self.book, self.chance = clock, book, chance
        self.cells, self.lanes, self.tasks = dict(cells), list(lanes), list(tasks)
        self.work, self.recovery, self.arrivals, self.trouble = work, recovery, arrivals, trouble
        self.facts = dict(facts)
        self.at = {(c.lane, c.row): c for c in self.cells.values()}
        self.episodes = self.voided = 0
        self.robot_us = 0
        self.running = [False] * len(self.lanes)
        self.phase = (0, 0)
        """The µs of the entry that was handled last, and the highest rank reached at it."""
        work.start = self.start_episode

    # -- the clock's entries ---------------------------------------------------------------------------------------------------

    def step(self, until_us: int) -> bool:
        """Handle the next entry not after `until_us`; False when there is none. Strategies are told after each instant."""
        entry = self.clock.peek()
        if entry is None or entry[0] > until_us:
            return False
        self.clock.pop()
        self.phase = (entry[0], max(entry[1], self.phase[1] if entry[0] == self.phase[0] else 0))
        getattr(self, "_on_" + entry[3].replace(".", "_"))(entry[4], entry[5])
        self._tell()
        return True

    def _tell(self) -> None:
        """Tell strategies what became known, once nothing more happens at this instant but lanes."""
        if self.book.told:
            following = self.clock.peek()
            if following is None or following[0] > self.clock.now_us or following[1] > 0:
                self.work.tell()

    def begin(self) -> None:
        """Enter what is known at the start: cells to offer, jobs, maintenance, faults."""
        for cell in self.cells.values():
            self._draw_failure(cell)
            for window in cell.spec.maintenance:
                self.clock.at(to_us(3600 * window.at_h), "maintenance.due", cell.name, window)
            self.work.offer(cell)
        self.arrivals.begin()
        self.trouble.begin()
        self._tell()

    def _on_lane_tick(self, _: str, index: int) -> None:
        lane = self.lanes[index]
        if not len(lane.rows):
            self.running[index] = False
            return
        self.robot_us += lane.period_us * len(lane.rows)
        for row, what, detail in lane.tick(self.clock.now_us, self.book.chain):
            self._outcome(self.at[index, row], what, detail)
        self.clock.at(self.clock.now_us + lane.period_us, "lane.tick", "", index, rank=1 + index)

    def _on_job_arrival(self, name: str, payload: Any) -> None:
        self.work.arrive(name, self.arrivals.arrived(*payload))

    def _on_job_deadline(self, name: str, _: Any) -> None:
        self.work.too_late(name)

    def _on_strategy_wake(self, role: str, _: Any) -> None:
        self.work.wake(role)

    def _on_episode_timeout(self, name: str, episode: int) -> None:
        cell = self.cells[name]
        if cell.episode == episode and cell.state == "episode":
            cell.timers.pop("timeout", None)
            self.end_episode(cell, "timeout")

    def _on_robot_breaks(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("failure", None)
        self.break_robot(cell, None)

    def _on_stop_recover(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("stop", None)
        if cell.stops >= cell.robot_spec.stops_per_episode:
            self.end_episode(cell, "stop")
        else:
            self.clear_stop(cell)

    def _on_reset_end(self, name: str, lucky: bool) -> None:
        cell = self.cells[name]
        cell.timers.pop("reset", None)
        if self.recovery.attempt_over(cell, lucky):
            self.go_on(cell)

    def _on_rung_deadline(self, name: str, call: int | None) -> None:
        cell = self.cells[name]
        cell.timers.pop("rung", None)
        self.recovery.deadline(cell, call)

    def _on_page_deadline(self, _: str, number: int) -> None:
        self.recovery.people.expire(number)

    def _on_person_arrive(self, _: str, number: int) -> None:
        self.recovery.arrived(self.recovery.people.arrive(number))

    def _on_person_finish(self, _: str, number: int) -> None:
        page = self.recovery.people.finish(number)
        in_order = self.recovery.finished(page)
        if page.why == "repair":
            self.trouble.repaired(page.cell)
            self._draw_failure(page.cell)
        if in_order:
            self.go_on(page.cell)

    def _on_maintenance_due(self, name: str, window: Any) -> None:
        cell = self.cells[name]
        cell.maintenance_until_us = max(cell.maintenance_until_us, self.clock.now_us + to_us(3600 * window.for_h))
        if window.every_h:
            self.clock.after(3600 * window.every_h, "maintenance.due", name, window)
        if cell.state == "free":
            self.go_on(cell)

    def _on_rest_over(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("rest", None)
        self.go_on(cell)

    def _on_fault_on(self, cell: str, number: int) -> None:
        self.trouble.onset(self, number)

    def _on_fault_off(self, cell: str, payload: Any) -> None:
        self.trouble.over(self, *payload)

    # -- episodes --------------------------------------------------------------------------------------------------------------

    def start_episode(self, cell: Cell) -> None:
        """The next episode of the job that holds the cell's lease."""
        self.episodes += 1
        lane, episode, now = self.lanes[cell.lane], self.episodes, self.clock.now_us
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
            if self.phase[0] == first and self.phase[1] > cell.lane:  # had the lane been running, its turn would be over
                first += lane.period_us
            self.clock.at(first, "lane.tick", "", cell.lane, rank=1 + cell.lane)

    def end_episode(self, cell: Cell, reason: str) -> None:
        """Close an episode: truth, label, row, and on to the reset unless the robot is broken."""
        lane, episode, now = self.lanes[cell.lane], cell.episode, self.clock.now_us
        assert episode is not None and cell.job is not None
        job, one = self.work.jobs[cell.job], np.array([cell.row], np.int32)
        task = self.tasks[cell.lane][job.spec.task]
        self.recovery.cancel(cell, "timeout", "failure", "stop")
        if cell.stopped_from_us is not None:
            self.clear_stop(cell)
        self.trouble.episode_ends(self, cell)
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

    def go_on(self, cell: Cell) -> None:
        """A cell in order: rest, maintenance, the job's next episode, or a new lease."""
        reason, until_us = self._pause(cell)
        if reason is not None:
            cell.state = reason
            self.work.withdraw(cell, reason)
            cell.timers["rest"] = self.clock.at(until_us, "rest.over", cell.name)
            return
        job = self.work.jobs.get(cell.job or "")
        if job is not None and job.state == "assigned" and job.left > 0:
            cell.state = "leased"
            cell.wait_from_us = self.clock.now_us
            self.start_episode(cell)
            return
        self.work.release(cell)
        self.work.offer(cell)

    def _pause(self, cell: Cell) -> tuple[str | None, int]:
        """Why and until when a cell must not work now."""
        now, duty = self.clock.now_us, cell.spec.duty
        if now < cell.maintenance_until_us:
            return "maintenance", cell.maintenance_until_us
        if duty is not None and cell.rested_us >= to_us(3600 * duty.work_h):
            cell.rested_us = 0
            return "resting", now + to_us(60 * duty.rest_min)
        return None, now

    # -- what happens to robots ------------------------------------------------------------------------------------------------

    def _outcome(self, cell: Cell, what: str, detail: Any) -> None:
        """Something a lane's tick brought about. An episode that ended at this tick hears of nothing more."""
        if cell.state != "episode":
            return
        match what:
            case "void":
                self.end_episode(cell, "void")
            case "finished":
                self.end_episode(cell, "done")
            case "stop":
                self.stop_robot(cell, detail, cell.robot_spec.stop_recover_s)
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

    def stop_robot(self, cell: Cell, why: str, recover_s: Any) -> bool:
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

    def break_robot(self, cell: Cell, cause: int | None) -> bool:
        """The robot breaks, by a plan (`cause`) or by wear. False where it is broken or out of service, or switched off for
        the person who works at it."""
        if cell.state in ("broken", "out"):
            return False
        if cell.page is not None and not self.recovery.people.expire(cell.page):
            return False
        if cause is None:
            cause = self.trouble.wore_out(cell)
        if cell.state == "episode":
            self.end_episode(cell, "crash")
        self.recovery.cancel(cell, "rest")
        self.work.withdraw(cell, "broken")
        self.recovery.broken(cell, cause)
        return True

    def _draw_failure(self, cell: Cell) -> None:
        law = cell.robot_spec.reliability.fails_h
        if law is not None:
            hours = draw(law, self.chance.stream(cell.robot, "failure", cell.repairs))
            cell.fails_at_us = to_us(3600 * hours)

    # -- what is kept ----------------------------------------------------------------------------------------------------------

    def _fresh(self, cell: Cell) -> None:
        """What the next episode's row counts begins now."""
        cell.resets, cell.reset_kind, cell.reset_us, cell.wait_us = 0, None, 0, 0
        cell.interventions, cell.intervention_us = 0, 0

    def pending(self) -> list[str]:
        """What still waits or goes on, and for what: jobs, cells that are not free, calls that are not done."""
        jobs = [
            f"job {job.name}: {job.state}, {job.left} to do{self._hopeless(job)}"
            for job in self.work.jobs.values()
            if not job.closed
        ]
        times = {order: when for when, _, order, *_ in self.clock.entries()}
        cells = [f"cell {c.name}: {c.state}{self._waits_for(c, times)}" for c in self.cells.values() if c.state != "free"]
        pages = [f"page {p.number} to {p.pool} for {p.cell.name}: {p.state}" for p in self.recovery.people.pages.values()]
        return jobs + cells + pages

    def _hopeless(self, job: Job) -> str:
        able = job.state != "queued" or any(c.state != "out" and job.fits(c) for c in self.cells.values())
        return "" if able else "; no cell in service can do it"

    def _waits_for(self, cell: Cell, times: Mapping[int, int]) -> str:
        """Who or what ends the state of a cell, and until when at the latest; `times`: µs of the clock's entries."""
        if cell.state == "episode":
            return f" {cell.episode} of {cell.job}"
        page = None if cell.page is None else self.recovery.people.pages[cell.page]
        orders = [*cell.timers.values()] + ([] if page is None else [page.deadline])
        until = [times[order] for order in orders if order is not None and order in times]
        who = f", page {cell.page}" if page else ", nobody called" if cell.state in ("stuck", "broken") else ""
        return who + (f", until {min(until) / US:g} s" if until else "")
