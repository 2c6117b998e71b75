"""The farm: one clock, its cells and lanes, and what follows from what.

Every entry on the clock comes to one small handler here. The state machines it moves live beside it: `Episodes` (on lanes),
`Work` (jobs and leases), `Recovery` (resets, people), `Wear` and `Repair` (what breaks, how it comes back), `Trouble` (planned
faults).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twin.control.servers import Machine
from twin.core.chance import Chance
from twin.core.clock import Clock, to_us
from twin.core.quantity import nominal
from twin.farm.assisting import WHY
from twin.farm.book import Book
from twin.farm.breaking import Breaking
from twin.farm.cells import Cell
from twin.farm.controllers import Controllers
from twin.farm.episodes import Episodes
from twin.farm.jobs import Arrivals
from twin.farm.lane import Lane
from twin.farm.pending import pending
from twin.farm.recovery import Recovery
from twin.farm.repair import Repair
from twin.farm.site import Site
from twin.farm.stopping import Stopping
from twin.farm.trouble import Trouble
from twin.farm.wear import Wear
from twin.farm.work import Work


class Farm:
    """A farm ready to run. Built by `twin.run`, snapshotted by `twin.run`; `handlers` is all that the clock needs."""

    def __init__(
        self,
        clock: Clock,
        book: Book,
        chance: Chance,
        cells: Mapping[str, Cell],
        episodes: Episodes,
        work: Work,
        recovery: Recovery,
        repair: Repair,
        wear: Wear,
        arrivals: Arrivals,
        trouble: Trouble,
        servers: Mapping[str, Machine],
    ) -> None:
        self.clock, self.book, self.chance = clock, book, chance
        self.cells, self.episodes = dict(cells), episodes
        self.work, self.recovery, self.arrivals, self.trouble = work, recovery, arrivals, trouble
        self.repair, self.wear, self.servers = repair, wear, dict(servers)
        self.controllers, self.breaking = Controllers(clock, self.cells, episodes), Breaking(episodes)
        site = (clock, self.cells, trouble.members, self.servers, self.controllers, self.breaking, episodes, trouble.in_force)
        work.start, trouble.site = episodes.start, Site(*site)

    @property
    def lanes(self) -> Sequence[Lane]:
        """The lanes, by index; the outcome tier has none."""
        return self.episodes.lanes

    @property
    def stopping(self) -> Stopping:
        """What stops cells."""
        return self.episodes.stopping

    @property
    def facts(self) -> dict[str, Any]:
        """Constants of the run."""
        return self.episodes.facts

    # -- the clock's entries ---------------------------------------------------------------------------------------------------

    def step(self, until_us: int) -> bool:
        """Handle the next entry not after `until_us`; False when there is none. Strategies are told after each instant."""
        entry = self.clock.peek()
        if entry is None or entry[0] > until_us:
            return False
        self.clock.pop()
        getattr(self, "_on_" + entry[3].replace(".", "_"))(entry[4], entry[5])
        self.trouble.look()
        self._follow()
        self._tell()
        return True

    def _follow(self) -> None:
        """Faults that follow from what happened."""
        if self.book.noticed:
            events, self.book.noticed = self.book.noticed, []
            for event in events:
                self.trouble.onsets.saw(event)

    def _tell(self) -> None:
        """Tell strategies what became known, once nothing more happens at this instant but lanes."""
        if self.book.told:
            following = self.clock.peek()
            if following is None or following[0] > self.clock.now_us or following[1] > 0:
                self.work.strategies.tell()

    def begin(self) -> None:
        """Enter what is known at the start: cells to offer, jobs, maintenance, faults."""
        self.wear.begin(self.cells)
        for cell in self.cells.values():
            for window in cell.spec.maintenance:
                self.clock.at(to_us(3600 * window.at_h), "maintenance.due", cell.name, window)
            self.work.offer(cell)
        self.recovery.people.begin()
        self.arrivals.begin()
        self.trouble.begin()
        self.episodes.begin()
        self._tell()

    def _on_lane_tick(self, _: str, index: int) -> None:
        self.episodes.tick(index)

    def _on_job_arrival(self, name: str, payload: Any) -> None:
        self.work.arrive(name, self.arrivals.arrived(*payload))

    def _on_job_deadline(self, name: str, _: Any) -> None:
        self.work.too_late(name)

    def _on_strategy_wake(self, role: str, _: Any) -> None:
        self.work.strategies.wake(role)

    def _on_episode_timeout(self, name: str, episode: int) -> None:
        cell = self.cells[name]
        if cell.episode == episode and cell.state == "episode":
            cell.timers.pop("timeout", None)
            self.episodes.end(cell, "timeout")

    def _on_episode_drawn(self, name: str, _: Any) -> None:
        self.episodes.over(self.cells[name])

    def _on_test_drawn(self, name: str, _: Any) -> None:
        self.cells[name].timers.pop("drawn", None)
        self.episodes.test_over(self.cells[name], [])

    def _on_robot_breaks(self, name: str, component: str) -> None:
        cell = self.cells[name]
        cell.timers.pop("failure", None)
        self.breaking.robot(cell, component)

    def _on_stop_recover(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("stop", None)
        if cell.state == "episode" and cell.stops >= cell.robot_spec.stops_per_episode:
            self.episodes.end(cell, "stop")
        else:
            self.stopping.reset(cell)

    def _on_stop_start(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("stop", None)
        self.stopping.start(cell)
        if cell.state == "stopped" and cell.stopped_in == "reset":
            self.recovery.begin(cell)
        elif cell.state == "stopped":
            self.go_on(cell)

    def _on_reset_end(self, name: str, lucky: bool) -> None:
        cell = self.cells[name]
        cell.timers.pop("reset", None)
        if self.recovery.attempt_over(cell, lucky):
            self.go_on(cell)

    def _on_undo_end(self, name: str, lucky: bool | None) -> None:
        """`lucky`: drawn in the outcome tier; None: the time of an attempt in physics is over."""
        cell = self.cells[name]
        cell.timers.pop("reset", None)
        self.undone(cell, self.episodes.undone(cell) if lucky is None else lucky)

    def undone(self, cell: Cell, lucky: bool) -> None:
        """The reverse of a task was done, or not."""
        if self.recovery.attempt_over(cell, lucky):
            cell.stands = True
            self.go_on(cell)

    def _on_rung_retry(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("reset", None)
        self.recovery.retry(cell)

    def _on_policy_rollout(self, site: str, _: Any) -> None:
        self.episodes.rollout(site)

    def _on_cell_ready(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("reset", None)
        self.go_on(cell)

    def _on_setup_end(self, name: str, _: Any) -> None:
        cell = self.cells[name]
        cell.timers.pop("reset", None)
        self.book.emit("reset.done", cell, job=cell.job, reset="setup")
        self.go_on(cell)

    def _on_rung_deadline(self, name: str, call: int | None) -> None:
        """`call`: the how-manieth for a repair; None: a rung of the ladder."""
        cell = self.cells[name]
        cell.timers.pop("rung", None)
        if cell.page is not None:
            self.recovery.people.expire(cell.page)
        if call is None:
            self.recovery.deadline(cell)
        else:
            self.repair.deadline(cell, call)

    def _on_page_deadline(self, _: str, number: int) -> None:
        self.recovery.people.expire(number)

    def _on_people_shift(self, pool: str, _: Any) -> None:
        self.recovery.people.shift(pool)

    def _on_person_arrive(self, _: str, number: int) -> None:
        page = self.recovery.people.arrive(number)
        if page is None:
            return
        self.recovery.cancel(page.cell, "rung")  # from now on no deadline drops the call
        if self.episodes.assisting is not None and page.why == WHY:
            self.episodes.assisting.arrived(page)
            return
        if not page.afar:
            self.episodes.attend(page.cell, page)
        if page.why != "repair":
            self.recovery.arrived(page)
        elif not self.repair.arrived(page):
            self.episodes.attended(page.cell)
            self.recovery.people.finish(number)

    def _on_assist_due(self, name: str, _: Any) -> None:
        if self.episodes.assisting is not None:
            self.episodes.assisting.due(self.cells[name])

    def _on_person_finish(self, _: str, number: int) -> None:
        self.episodes.attended(self.recovery.people.pages[number].cell)
        page = self.recovery.people.finish(number)
        cell, spent_us = page.cell, self.clock.now_us - page.from_us
        cell.interventions, cell.intervention_us = cell.interventions + 1, cell.intervention_us + spent_us
        if page.why == "repair":
            self.trouble.repaired(cell)
            self.wear.repaired(cell)
            self.repair.done(cell)
        elif self.recovery.people.errs(page):
            self.recovery.failed(cell)
            return
        elif not self.recovery.finished(page):
            return
        self.go_on(cell)

    def _on_person_astray(self, other: str, payload: Any) -> None:
        if self.cells[other].state == "episode":
            self.stopping.stop(self.cells[other], None, "somebody at the wrong cell")
        self.recovery.people.astray(*payload)

    def _on_person_second(self, _: str, payload: Any) -> None:
        self.recovery.people.second(*payload)

    def _on_person_leaves(self, _: str, number: int) -> None:
        self.episodes.attended(self.recovery.people.pages[number].cell)
        page = self.recovery.people.leaves(number)
        if page.why == "repair":
            self.repair.broken(page.cell, page.cell.cry)
        else:
            self.recovery.failed(page.cell)

    def _on_part_delivered(self, part: str, _: Any) -> None:
        waited = self.repair.delivered(part)
        if waited is not None:
            self.repair.came(self.cells[waited], part)

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

    def _on_fault_on(self, _: str, payload: Any) -> None:
        self.trouble.onset(*payload)

    def _on_link_back(self, _: str, payload: Any) -> None:
        self.recovery.people.changed()

    def _on_curtain_trip(self, _: str, payload: Any) -> None:
        fault, onset = payload
        if fault.active and fault.onsets == onset:
            self.trouble.site.trip(fault)

    def _on_fault_off(self, cell: str, payload: Any) -> None:
        self.trouble.over(*payload)

    def go_on(self, cell: Cell) -> None:
        """A cell in order: self-test where there is doubt, rest, maintenance, the job's next episode, or a new lease."""
        if self.controllers.stands(cell):
            return
        if cell.suspect is not None:
            self.episodes.test(cell)
            return
        reason, until_us = self._pause(cell)
        if reason is not None:
            cell.state = reason
            self.work.withdraw(cell, reason)
            cell.timers["rest"] = self.clock.at(until_us, "rest.over", cell.name)
            return
        job = self.work.jobs.get(cell.job or "")
        if cell.yields:
            self.work.give_back(cell, "released")
        elif job is not None and job.state == "assigned" and job.left > 0:
            cell.state = "leased"
            cell.wait_from_us = self.clock.now_us
            self.episodes.start(cell)
            return
        self.work.release(cell)
        self.work.offer(cell)

    def _pause(self, cell: Cell) -> tuple[str | None, int]:
        """Why and until when a cell must not work now."""
        now, duty = self.clock.now_us, cell.spec.duty
        if now < cell.maintenance_until_us:
            return "maintenance", cell.maintenance_until_us
        if duty is not None and cell.rested_us >= to_us(3600 * nominal(duty.work_h)):
            cell.rested_us = 0
            return "resting", now + to_us(60 * duty.rest_min)
        return None, now

    def receipts(self) -> list[dict[str, Any]]:
        """What became of every planned fault, and of everything that can wear out."""
        return self.trouble.receipts() + self.wear.receipts(self.cells)

    def pending(self) -> list[str]:
        """What still waits or goes on, and for what: jobs, cells that are not free, calls that are not done."""
        causes = {name: why[0].name for name, why in self.controllers.causes.items() if why}
        causes |= {name: fault.name for (name, _), fault in self.trouble.site.holding.items()}
        return pending(self.clock, self.cells, self.work.jobs, self.recovery.people.pages, causes)
