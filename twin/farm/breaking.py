"""A robot breaks: its episode ends, its lease is gone, and a repair is called for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.farm.cells import ROBOT, Cell

if TYPE_CHECKING:
    from twin.farm.episodes import Episodes


class Breaking:
    """Breakages on the parts of one farm."""

    def __init__(self, episodes: Episodes) -> None:
        self.episodes = episodes

    def possible(self, cell: Cell) -> bool:
        """False where it is broken or out of service, or switched off for the person who works at it."""
        page = self.episodes.recovery.people.pages.get(cell.page or 0)
        return cell.state not in ("broken", "out") and (page is None or page.state != "working")

    def robot(self, cell: Cell, component: str | None, cause: int | None = None) -> bool:
        """It breaks, by wear of a component or by a plan (None). False where that is not possible."""
        if not self.possible(cell):
            return False
        episodes = self.episodes
        if cell.page is not None:
            episodes.recovery.people.expire(cell.page)
        if component is not None:
            cause = episodes.wear.broke(cell, component)
        cell.component = component or ROBOT
        if cell.state == "episode":
            episodes.end(cell, "crash")
        elif cell.state == "test":
            episodes.halt_test(cell)
        episodes.stopping.over(cell)
        episodes.recovery.cancel(cell, "rest")
        episodes.work.withdraw(cell, "broken")
        episodes.repair.broken(cell, cause)
        return True
