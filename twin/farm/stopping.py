"""Stops as the farm sees them: demanded, at rest, unlatched, started again; each is an event of its own.

A stop latches whatever the cell does: an episode that runs out of time meanwhile leaves a cell that is still stopped, and a
cell between episodes can be stopped too. What was interrupted is taken up only after the start that follows the reset.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from twin.control.safety.stops import Standstill
from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.quantity import draw
from twin.farm.assisting import Assisting
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.recovery import Recovery
from twin.farm.trouble import Trouble
from twin.farm.work import Work

Kind = Literal["protective", "emergency"]
UNMOVED = ("stuck", "broken", "resting", "maintenance", "down", "out")
"""States in which no program moves the robot: there is nothing to stop."""
STILL_MOVING_S = 0.1
"""A reset that comes while the arm still moves is tried again after this."""


class Tier(Protocol):
    """What a tier does to a robot in an episode. `assisting`: who may drive it, where episodes call for help."""

    assisting: Assisting | None

    def stop_robot(self, cell: Cell, category: int) -> bool:
        """It has to stand. False where it is stopped so strictly already."""
        ...

    def reset_stop(self, cell: Cell) -> bool:
        """Unlatch. False while it still moves."""
        ...

    def start_robot(self, cell: Cell) -> None:
        """It may move again."""
        ...

    def halt_test(self, cell: Cell) -> None:
        """Cut its self-test short; it is begun again when the stop is over."""
        ...


class Stopping:
    """The stops of one farm. Entries `stop.recover` and `stop.start` of the clock come back to `reset` and `start`."""

    def __init__(
        self, clock: Clock, book: Book, chance: Chance, tier: Tier, work: Work, recovery: Recovery, trouble: Trouble
    ) -> None:
        self.clock, self.book, self.chance, self.tier = clock, book, chance, tier
        self.work, self.recovery, self.trouble = work, recovery, trouble

    def stop(
        self, cell: Cell, category: int | None, cause: str, kind: Kind = "protective", recover_s: Any = None, held: bool = False
    ) -> bool:
        """Stop the robot of a cell. False where nothing moves it, or it is stopped so strictly already.

        category: 0, 1 or 2; None: what its kind of robot does. recover_s: after how long somebody resets it (None: as its kind
        of robot says); held: nobody does before `release`.
        """
        stops = cell.robot_spec.stops
        category = getattr(stops, kind) if category is None else category
        if kind == "emergency" and category not in (0, 1):
            raise ValueError(f"an emergency stop is of category 0 or 1, not {category}")
        nothing_moves = cell.state in UNMOVED or (kind == "protective" and cell.state not in ("episode", "reset", "stopped"))
        if nothing_moves or (cell.stop is not None and cell.stop <= category):
            return False
        if cell.state == "episode" and not self.tier.stop_robot(cell, category):
            return False
        if cell.stop is None:
            cell.stopped_from_us = self.clock.now_us
            self._interrupt(cell)
        cell.stop, cell.stops, cell.stopped_by = category, cell.stops + 1, cause
        self._tell(cell, kind)
        if not held:
            stream = self.chance.stream(cell.name, f"stop/{cell.stops}", cell.count)
            after = draw(cell.robot_spec.stop_recover_s if recover_s is None else recover_s, stream)
            cell.timers["stop"] = self.clock.after(after, "stop.recover", cell.name)
        return True

    def _tell(self, cell: Cell, kind: Kind) -> None:
        """Whoever has to do with a cell that stops: whoever was on the way to it, the log, whoever helps in its episode."""
        self.recovery.cancel(cell, "stop")
        episode = cell.episode if cell.state == "episode" else None
        self.book.emit(f"stop.{kind}", cell, job=cell.job, episode=episode, reason=cell.stopped_by, category=cell.stop)
        if episode is None:
            return
        if self.tier.assisting is not None:
            self.tier.assisting.over(cell, "stop")
        if kind == "protective" and "protective_stop" not in cell.symptoms:
            cell.symptoms.append("protective_stop")

    def _interrupt(self, cell: Cell) -> None:
        """Between episodes a stop takes the cell out of work, or out of its automatic reset."""
        if cell.state == "reset":
            self.recovery.cancel(cell, "reset", "rung")
            cell.state, cell.stopped_in = "stopped", "reset"
        elif cell.state != "episode":
            if cell.state == "test":
                self.tier.halt_test(cell)
            self.work.withdraw(cell, "stopped")
            cell.state, cell.stopped_in = "stopped", "free"

    def outlives(self, cell: Cell) -> bool:
        """An episode ends: True where the stop that holds it goes on, and the reset has to wait."""
        if cell.stop is not None:
            cell.state, cell.stopped_in = "stopped", "reset"
        return cell.stop is not None

    def at_rest(self, cell: Cell, stop: Standstill) -> None:
        """The arm of a stopped cell has come to rest."""
        payload = stop._asdict()
        del payload["row"]
        self.book.emit("stop.standstill", cell, job=cell.job, episode=cell.episode, **payload)

    def release(self, cell: Cell) -> None:
        """What held a stop (a button, a light curtain) lets go: somebody can reset it now."""
        if cell.stop is not None and "stop" not in cell.timers:
            cell.timers["stop"] = self.clock.after(0.0, "stop.recover", cell.name)

    def reset(self, cell: Cell) -> None:
        """Unlatch a stop, once the arm has come to rest. Nothing moves; the start is the next act."""
        if cell.state == "episode" and not self.tier.reset_stop(cell):
            cell.timers["stop"] = self.clock.after(STILL_MOVING_S, "stop.recover", cell.name)
            return
        self.book.emit("stop.reset", cell, job=cell.job, episode=cell.episode if cell.state == "episode" else None)
        stream = self.chance.stream(cell.name, f"restart/{cell.stops}", cell.count)
        cell.timers["stop"] = self.clock.after(draw(cell.robot_spec.stops.restart_s, stream), "stop.start", cell.name)

    def start(self, cell: Cell) -> None:
        """Start a cell whose stop was reset."""
        if cell.state == "episode":
            self.tier.start_robot(cell)
        self.over(cell)

    def over(self, cell: Cell) -> None:
        """The stop is over: by a start, or because the robot broke or its episode ends with it."""
        self.recovery.cancel(cell, "stop")
        if cell.stop is None:
            return
        episode = cell.episode if cell.state == "episode" else None
        self.book.emit("stop.cleared", cell, job=cell.job, episode=episode, reason=cell.stopped_by)
        if cell.stopped_from_us is not None:
            self.trouble.done(cell, "stop")
        cell.stop = cell.stopped_from_us = None
