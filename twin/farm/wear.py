"""Wear: when the components of robots break by their reliability laws, in operating hours or in episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import US, Clock, to_us
from twin.core.records import RECEIPT_COLUMNS
from twin.farm.book import Book
from twin.farm.cells import ROBOT, Cell
from twin.farm.spec import WearSpec
from twin.faults.hazards import draw_life

HOUR_US = 3600 * US


@dataclass
class Life:
    """One component of one robot: its age, when it ends, and how often and for how long it was broken."""

    cell: str
    name: str
    """As receipts and events name it."""
    spec: WearSpec
    age_us: int = 0
    cycles: int = 0
    ends_us: int | None = None
    """Age at which it breaks (µs of operation); None: never."""
    ends_cycles: float = math.inf
    renewals: int = 0
    breakages: int = 0
    first_us: int | None = None
    since_us: int | None = None
    """Out of service since."""
    down_us: int = 0


class Wear:
    """The lives of all components of all robots. An entry `robot.breaks` of the clock names cell and component."""

    def __init__(self, cells: Mapping[str, Cell], clock: Clock, book: Book, chance: Chance) -> None:
        self.clock, self.book, self.chance = clock, book, chance
        self.lives: dict[str, dict[str, Life]] = {}
        for cell in cells.values():
            whole = cell.robot_spec.reliability
            named = {ROBOT: whole} | dict(whole.components)
            mortal = {k: s for k, s in named.items() if s.fails_h is not None or s.fails_cycles is not None}
            prefix = f"wear/{cell.robot}"
            self.lives[cell.name] = {
                k: Life(cell.name, prefix if k == ROBOT else f"{prefix}/{k}", s) for k, s in mortal.items()
            }

    def begin(self, cells: Mapping[str, Cell]) -> None:
        """Draw the first lives."""
        for name, lives in self.lives.items():
            for component, life in lives.items():
                self._renew(cells[name], component, life)

    def _renew(self, cell: Cell, component: str, life: Life) -> None:
        purpose = "failure" if component == ROBOT else f"failure/{component}"
        stream = self.chance.stream(cell.robot, purpose, life.renewals)
        life.age_us, life.cycles, life.ends_us, life.ends_cycles = 0, 0, None, math.inf
        if life.spec.fails_h is not None:
            hours = draw_life(life.spec.fails_h, stream)
            life.ends_us = None if math.isinf(hours) else to_us(3600 * hours)
        if life.spec.fails_cycles is not None:
            life.ends_cycles = draw_life(life.spec.fails_cycles, stream)

    def next(self, cell: Cell) -> tuple[int, str] | None:
        """The breakage that an episode which begins now would meet first: after how many µs, and of what."""
        lives = self.lives[cell.name].items()
        return min(((max(0, life.ends_us - life.age_us), k) for k, life in lives if life.ends_us is not None), default=None)

    def episode_ended(self, cell: Cell, spent_us: int) -> None:
        """Everything of the robot is older by an episode; what has had its number of cycles breaks now."""
        for component, life in self.lives[cell.name].items():
            life.age_us, life.cycles = life.age_us + spent_us, life.cycles + 1
            if life.since_us is None and life.cycles >= life.ends_cycles:
                self.clock.at(self.clock.now_us, "robot.breaks", cell.name, component)

    def broke(self, cell: Cell, component: str) -> int:
        """A component is broken from now on: the number of the event."""
        life = self.lives[cell.name][component]
        life.breakages, life.since_us = life.breakages + 1, self.clock.now_us
        life.first_us = self.clock.now_us if life.first_us is None else life.first_us
        cell.component = component
        return self.book.emit("fault.onset", cell, episode=cell.episode, known=False, fault=life.name,
                              component="joint", mode="breaks", onset=life.breakages)  # fmt: skip

    def left_h(self, name: str) -> float:
        """Operating hours that the components of a robot have left, in all."""
        sound = (life for life in self.lives[name].values() if life.since_us is None)
        return sum(max(0.0, life.ends_us - life.age_us) / HOUR_US for life in sound if life.ends_us is not None)

    def shrink(self, name: str, share: float) -> bool:
        """What is left of each life in a robot shrinks to a share."""
        for life in self.lives[name].values():
            if life.ends_us is not None and life.since_us is None:
                life.ends_us = life.age_us + round(share * max(0, life.ends_us - life.age_us))
        return bool(self.lives[name])

    def repaired(self, cell: Cell) -> None:
        """What broke last is as good as new."""
        life = self.lives[cell.name].get(cell.component)
        if life is None:
            return
        if life.since_us is not None:
            life.down_us, life.since_us = life.down_us + self.clock.now_us - life.since_us, None
            self.book.emit("fault.cleared", cell, known=False, fault=life.name, onset=life.breakages)
        life.renewals += 1
        self._renew(cell, cell.component, life)

    def receipts(self, cells: Mapping[str, Cell]) -> list[dict[str, Any]]:
        """One receipt for every component that can wear out: hours out of service; exposure is its time of operation."""
        return [self._receipt(life, cells[name]) for name, lives in self.lives.items() for life in lives.values()]

    def _receipt(self, life: Life, cell: Cell) -> dict[str, Any]:
        now = self.clock.now_us
        down_us = life.down_us + (now - life.since_us if life.since_us is not None else 0)
        operated_us = cell.operated_us + (now - cell.started_us if cell.state == "episode" else 0)
        row: dict[str, Any] = dict.fromkeys(RECEIPT_COLUMNS)
        row.update(
            fault=life.name,
            component="joint",
            mode="breaks",
            target=life.cell,
            onset_s=None if life.first_us is None else life.first_us / US,
            status="acted" if life.breakages else "not_due",
            effect=down_us / HOUR_US if life.breakages else None,
            unit="h",
            exposed_s=operated_us / US,
            must_act=False,
            note=f"{life.breakages} breakages" if life.breakages else "",
        )
        return row
