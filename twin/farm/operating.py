"""Who else than the policy has a robot: an operator from afar, who really drives its arm over the cell's own link to tidy up;
the program that undoes a task; whoever works in the cell."""

from __future__ import annotations

import numpy as np

from twin.control.authority import HOLDERS, OPERATOR
from twin.control.spec import OperatorSpec
from twin.control.teleop import ModelledOperator
from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.records import Floats
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.handing import hand_back, hand_over
from twin.farm.lane import Lane
from twin.farm.people import Page
from twin.world.base import Start


class Operating:
    """Who drives which cell. A rescue has worked where the cell's task can begin again as things then lie."""

    def __init__(self, clock: Clock, book: Book, chance: Chance) -> None:
        self.clock, self.book, self.chance = clock, book, chance
        self.pages: dict[str, Page] = {}
        self.leases: dict[str, tuple[int, str, int]] = {}
        """Cell → holder, name and number of the lease of a reset's program, or of somebody who works there."""

    def hold(self, cell: Cell, lane: Lane, holder: int, name: str, cause: int | None) -> None:
        """Somebody has the robot from now on; it moves for nobody else."""
        lease = lane.authority.take(cell.row, holder, name, self.clock.now_us)
        assert lease is not None, "a row that runs no episode is nobody else's"
        self.leases[cell.name] = (holder, name, lease)
        self.book.emit("authority.taken", cell, cause=cause, holder=HOLDERS[holder], name=name, lease=lease)

    def let_go(self, cell: Cell, lane: Lane) -> None:
        """The robot is the policy's again, if somebody had it."""
        if cell.name in self.leases:
            holder, name, lease = self.leases.pop(cell.name)
            lane.authority.give_back(cell.row, lease, self.clock.now_us)
            self.book.emit("authority.returned", cell, holder=HOLDERS[holder], name=name, lease=lease, how="done")

    def begin(self, cell: Cell, lane: Lane, page: Page, spec: OperatorSpec) -> None:
        """Put the cell's row on its lane, with things as they lie, under the operator's lease."""
        left = lane.world.truth(np.array([cell.row], np.int32))
        task = lane.tasks[cell.setup or next(iter(lane.tasks))]
        key = f"{cell.name}/rescue/{cell.calls}"
        start = task.start([self.chance.stream(key, "start")])
        goal = start.objects[0, 0, :3].copy()
        start = Start(start.q, start.grip, left.objects.copy(), goal[None])
        lane.begin_driven(self.clock.now_us, cell.row, cell.count, start)
        self._sit(cell, lane, page, spec, goal, key, None)

    def assist(self, cell: Cell, lane: Lane, page: Page, spec: OperatorSpec) -> None:
        """An operator takes over the row of an episode that runs, to bring its thing to a place where the task can begin."""
        key = f"{cell.name}/assist/{cell.calls}"
        task = lane.tasks[cell.setup or next(iter(lane.tasks))]
        goal = task.start([self.chance.stream(key, "start")]).objects[0, 0, :3].copy()
        self._sit(cell, lane, page, spec, goal, key, cell.episode)

    def _sit(self, cell: Cell, lane: Lane, page: Page, spec: OperatorSpec, goal: Floats, key: str, episode: int | None) -> None:
        now, stream = self.clock.now_us, self.chance.stream(key, "operator")
        lease = hand_over(lane, now, cell.row, OPERATOR, page.person or "", spec.silence_s)
        assert lease is not None, "no program but the policy has the row of an episode, or one that has just begun"
        driver = ModelledOperator(spec, lane.arm, goal, lane.width_m, lane.period_s, stream)
        lane.console.sit(cell.row, driver, lease, 0, now, spec.deadline_s, cell.calls)
        self.pages[cell.name] = page
        self.book.emit("authority.taken", cell, job=None if episode is None else cell.job, episode=episode, cause=page.event,
                       holder="operator", name=page.person, lease=lease)  # fmt: skip

    def back(self, cell: Cell, lane: Lane, how: str) -> Page | None:
        """An operator who helped in an episode is done (`how` as below): the policy goes on from there; or, where the link
        died, nobody does. None: nobody was driving."""
        page = self.pages.pop(cell.name, None)
        if page is None:
            return None
        lease = int(lane.authority.lease[cell.row])
        stream = self.chance.stream(f"{cell.name}/assist/{cell.calls}", "policy")
        kind = (
            "authority.returned"
            if how != "link" and hand_back(lane, self.clock.now_us, cell.row, lease, stream)
            else "authority.lost"
        )
        lane.console.seats.pop(cell.row, None)
        self.book.emit(kind, cell, job=cell.job, episode=cell.episode, cause=page.event, holder="operator", name=page.person,
                       lease=lease, how=how)  # fmt: skip
        return page

    def over(self, cell: Cell, lane: Lane, how: str) -> Page | None:
        """It ended (`done`, `late`, `link`, or what broke it off): the row runs no more. None: nobody was driving."""
        page = self.pages.pop(cell.name, None)
        if page is None:
            return None
        lease = int(lane.authority.lease[cell.row])
        lane.end(cell.row)
        task = lane.tasks[cell.setup or next(iter(lane.tasks))]
        ready = bool(task.ready(lane.world.truth(np.array([cell.row], np.int32)))[0])
        cell.driven = ready and how == "done"
        kind = "authority.lost" if how == "link" else "authority.returned"
        self.book.emit(kind, cell, cause=page.event, holder="operator", name=page.person, lease=lease, how=how)
        self.clock.after(0.0, "person.finish", page.pool, page.number)
        return page
