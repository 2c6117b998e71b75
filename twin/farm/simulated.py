"""The physics tier: episodes, self-tests, reversed tasks and rescues on rows of lanes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twin.control.authority import RESET, TECHNICIAN
from twin.control.guard import Guarded
from twin.control.releases import Versions
from twin.farm.cells import Cell
from twin.farm.episodes import Episodes, Found
from twin.farm.jobs import Job
from twin.farm.ladder import ReverseRung
from twin.farm.lane import Lane
from twin.farm.operating import Operating


class Simulated(Episodes):
    """Episodes on rows of lanes. What runs is stepped by `tick`, nothing else is."""

    def __init__(self, cells: Mapping[str, Cell], lanes: Sequence[Lane], *parts: Any) -> None:
        """parts: as `Episodes` takes them."""
        super().__init__(*parts)
        self.lanes = list(lanes)
        self.at = {(c.lane, c.row): c for c in cells.values()}
        self.operating = Operating(self.clock, self.book, self.chance)
        self.dark: set[str] = set()
        """Cells without power whose rows are stepped."""
        self.running = [False] * len(self.lanes)
        """Lanes that have an entry on the clock."""

    def constants(self) -> list[Any]:
        """What lanes are built from; not a user's policy, which may keep state."""
        found = super().constants()
        for lane in self.lanes:
            policy = lane.inbox.policy
            versions = policy.policies if isinstance(policy, Versions) else (policy,)
            found += [None if isinstance(one, Guarded) else one for one in versions]
            found += [lane.persons.body, lane.world, lane.arm, lane.tasks, lane.stops.bounds, lane.box]
            found += [lane.inbox.links.specs, lane.inbox.links.names, lane.console.links.names]
            found += [server.machine.spec for server in lane.inbox.servers]
        return found

    def tick(self, index: int) -> None:
        """The turn of a lane: one control period of its running rows; a lane without any leaves the clock."""
        lane = self.lanes[index]
        if not len(lane.rows):
            self.running[index] = False
            return
        self.robot_us += lane.period_us * len(lane.rows)
        told = lane.tick(self.clock.now_us, self.book.chain)
        if self.ticks is not None:
            self.ticks.keep(self.clock.now_us + lane.period_us, lane, self.at)
        for row, what, detail in told:
            self._outcome(self.at[index, row], what, detail)
        self.clock.at(self.clock.now_us + lane.period_us, "lane.tick", "", index, rank=1 + index)

    def launch(self, cell: Cell, job: Job) -> None:
        """Draw a start state and put it on the cell's row; the lane takes its turns from now on."""
        lane, now = self._freed(cell), self.clock.now_us
        scene, task = job.spec.scene, lane.tasks[job.spec.task]
        keyed = (cell.name, "start", cell.count) if scene is None else (f"scene/{scene}", "start")
        left = lane.world.truth(np.array([cell.row], np.int32)) if cell.stands and scene is None else None
        start = task.start([self.chance.stream(*keyed)], left if left and task.ready(left)[0] else None)
        lane.begin(now, cell.row, cell.count, job.spec.task, start, self.chance.stream(cell.name, "policy", cell.count))
        cell.timers["timeout"] = self.clock.after(self.facts["timeout_s"], "episode.timeout", cell.name, cell.episode)
        if (next_ := self.wear.next(cell)) is not None:
            cell.timers["failure"] = self.clock.at(now + next_[0], "robot.breaks", cell.name, next_[1])
        self._run(cell)

    def launch_test(self, cell: Cell) -> None:
        """From a start state of any task; the lane takes its turns from now on."""
        lane = self._freed(cell)
        start = next(iter(lane.tasks.values())).start([self.chance.stream(cell.name, "self-test", cell.tests)])
        lane.begin_test(self.clock.now_us, cell.row, cell.count, start)
        self._run(cell)

    def halt_test(self, cell: Cell) -> None:
        """The row runs no more."""
        self.lanes[cell.lane].end(cell.row)

    def break_off(self, cell: Cell) -> None:  # noqa: D102  as `Episodes` says
        self._freed(cell)

    def _freed(self, cell: Cell) -> Lane:
        """The lane of a cell, whose row runs nothing (a stop may have broken off the reverse of a task)."""
        lane = self.lanes[cell.lane]
        if cell.undoing:
            self.operating.let_go(cell, lane)
        if cell.undoing or cell.name in self.dark:
            lane.end(cell.row)
            cell.undoing = False
            self.dark.discard(cell.name)
        return lane

    def attend(self, cell: Cell, page: Any) -> None:  # noqa: D102  as `Episodes` says
        self.operating.hold(cell, self._freed(cell), TECHNICIAN, page.person or "", page.event)

    def attended(self, cell: Cell) -> None:  # noqa: D102  as `Episodes` says
        self.operating.let_go(cell, self.lanes[cell.lane])

    def darken(self, cell: Cell) -> None:
        """The row is stepped until its arm has come to rest, and on while a brake slips."""
        self._freed(cell).darken(self.clock.now_us, cell.row)
        self.dark.add(cell.name)
        self._run(cell)

    def light(self, cell: Cell) -> None:
        """The row runs no more."""
        self._freed(cell)

    def can_undo(self, cell: Cell, rung: ReverseRung) -> bool:
        """Whether the cell's lane knows the reverse of the task that it is set up for."""
        tasks = self.lanes[cell.lane].tasks
        return cell.setup in tasks and self._reverse(cell, rung) in tasks

    def _reverse(self, cell: Cell, rung: ReverseRung) -> str:
        task = self.lanes[cell.lane].tasks[cell.setup or ""]
        return rung.of.get(task.name, task.reverse)

    def undo(self, cell: Cell, rung: ReverseRung) -> None:
        """Put the reverse task on the cell's row with things as they lie; where it cannot begin so, the attempt has failed."""
        lane, name = self._freed(cell), self._reverse(cell, rung)
        left = lane.world.truth(np.array([cell.row], np.int32))
        task = lane.tasks[name]
        if not task.ready(left)[0]:
            cell.timers["reset"] = self.clock.after(0.0, "undo.end", cell.name, False)
            return
        start = task.start([self.chance.stream(cell.name, "undo/start", cell.tried)], left)
        lane.begin(
            self.clock.now_us, cell.row, cell.count, name, start, self.chance.stream(cell.name, "undo/policy", cell.tried)
        )
        self.operating.hold(cell, lane, RESET, name, None)
        cell.undoing = True
        cell.timers["reset"] = self.clock.after(rung.deadline_s, "undo.end", cell.name)
        self._run(cell)

    def undone(self, cell: Cell) -> bool:
        """The row runs no more; whether the task that was undone could begin as things lie."""
        lane = self._freed(cell)
        return bool(lane.tasks[cell.setup or ""].ready(lane.world.truth(np.array([cell.row], np.int32)))[0])

    def _run(self, cell: Cell) -> None:
        """Put the lane of a cell on the clock, where it is not."""
        lane, now = self.lanes[cell.lane], self.clock.now_us
        if not self.running[cell.lane]:
            self.running[cell.lane] = True
            first = -(-now // lane.period_us) * lane.period_us
            if now == first and self.clock.rank > cell.lane:  # had the lane been running, its turn would be over
                first += lane.period_us
            self.clock.at(first, "lane.tick", "", cell.lane, rank=1 + cell.lane)

    def halt(self, cell: Cell, job: Job, reason: str) -> Found:
        """What the physics says of the row, which runs no more."""
        lane, one = self.lanes[cell.lane], np.array([cell.row], np.int32)
        for what in lane.last_breaches(self.clock.now_us, cell.row):
            self.book.emit("filter.breach", cell, job=cell.job, episode=cell.episode, known=False, what=what)
        lane.end(cell.row)
        if lane.releases is not None:
            lane.releases.over(cell.row, self.clock.now_us - cell.started_us, cell.leased_by, cell.leased_us)
        columns = {
            **self.versions_of(cell),
            "filtered_ticks": int(lane.filtered[cell.row]),
            "peak_speed_mps": None if lane.voided[cell.row] else math.sqrt(float(lane.peak_v2[cell.row])),
            "obs_age_p99_s": lane.inbox.age_p99_s(cell.row),
        }
        if reason == "void":
            return Found(None, True, columns)
        task, real = lane.tasks[job.spec.task], lane.world.truth(one)
        success, near = task.success(real, lane.began.take(one))[0], task.in_reach(real)[0]
        return Found(bool(success), bool(near), columns, task.lasts and bool(task.ready(real)[0]))

    def versions_of(self, cell: Cell) -> dict[str, Any]:
        """As its lane has it."""
        releases = self.lanes[cell.lane].releases
        return {} if releases is None else releases.columns(cell.row)

    def stop_robot(self, cell: Cell, category: int) -> bool:
        """The row brakes; what it was commanded is forgotten."""
        return self.lanes[cell.lane].stop(self.clock.now_us, cell.row, category)

    def reset_stop(self, cell: Cell) -> bool:
        """Power is back where the arm has come to rest."""
        return self.lanes[cell.lane].reset_stop(cell.row)

    def start_robot(self, cell: Cell) -> None:
        """The filters begin anew from where the arm stands, and the policy is asked again."""
        self.lanes[cell.lane].start(self.clock.now_us, cell.row)

    def operate(self, cell: Cell, page: Any, spec: Any) -> bool:  # noqa: D102  as `Undoes` says
        self.operating.begin(cell, self._freed(cell), page, spec)
        self._run(cell)
        return True

    def _between(self, cell: Cell, what: str, detail: Any) -> None:
        """The same of a row that tests itself, has no power, is driven, or runs the reverse of a task: whatever ends that, the
        cell is looked at at once."""
        if what == "breach":  # a promise is one whoever drives
            self.book.emit("filter.breach", cell, job=cell.job, known=False, what=detail)
        if cell.state == "test" and what in ("tested", "stop", "filter_failed", "void"):
            self.test_over(cell, detail if what == "tested" else [what])
            return
        if cell.name in self.dark:
            if what == "standstill" and not self.lanes[cell.lane].faults.world.slips(cell.row):
                self._freed(cell)
            return
        if what in ("operated", "void", "stop", "filter_failed"):
            self.operating.over(cell, self.lanes[cell.lane], detail if what == "operated" else what)
        if cell.undoing and cell.state == "reset" and what in ("finished", "void", "stop", "filter_failed"):
            self.recovery.cancel(cell, "reset")
            cell.timers["reset"] = self.clock.after(0.0, "undo.end", cell.name)

    def _outcome(self, cell: Cell, what: str, detail: Any) -> None:
        """Something a lane's tick brought about. An episode that ended at this tick hears of nothing more."""
        if cell.state != "episode":
            self._between(cell, what, detail)
            return
        match what:
            case "void":
                self.end(cell, "void")
            case "finished":
                self.end(cell, "done")
            case "stop":
                self.stopping.stop(cell, None, detail)
            case "standstill":
                self.stopping.at_rest(cell, detail)
            case "filter_failed" if cell.stop is None or cell.stop > 1:  # else it stands, and is told when it is started again
                name, why = detail
                self.book.emit("filter.failed", cell, job=cell.job, episode=cell.episode, filter=name, error=why)
                self.stopping.stop(cell, 1, f"filter {name} failed")
            case "operated" if self.assisting is not None:
                self.assisting.over(cell, detail)
            case "grip_loss":
                self.symptom(cell, "grip_loss", "symptom.grip_loss")
            case "link_timeout":
                self.symptom(cell, "link_timeout", "link.timeout")
            case "filter":
                self.book.emit("filter.acted", cell, job=cell.job, episode=cell.episode, filter=detail)
            case "breach":
                self.book.emit("filter.breach", cell, job=cell.job, episode=cell.episode, known=False, what=detail)
