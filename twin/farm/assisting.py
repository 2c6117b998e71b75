"""Help in the middle of an episode: an operator is called to a robot that gets nowhere, takes it over from afar, brings its
thing to where the task can begin, and gives it back to the policy, which goes on in the same episode.

    episode ──after_s──▶ called ──answers──▶ driven ──done──▶ the policy again ──▶ …
                           │ nobody came        │ the link died: nobody moves it until somebody else is called
                           ▼                    ▼ stopped, or the time is over: the policy again
                        called again, up to `per_episode` times
"""

from __future__ import annotations

from collections.abc import Sequence

from twin.core.clock import Clock
from twin.farm.cells import Cell
from twin.farm.ladder import AssistSpec
from twin.farm.lane import Lane
from twin.farm.operating import Operating
from twin.farm.people import Page
from twin.farm.recovery import Recovery

WHY = "assist"
"""Why such a call is made."""


class Assisting:
    """The calls from running episodes. The entry `assist.due` of the clock comes back to `due`."""

    def __init__(self, spec: AssistSpec, clock: Clock, recovery: Recovery, operating: Operating, lanes: Sequence[Lane]) -> None:
        self.spec, self.clock, self.lanes = spec, clock, lanes
        self.recovery, self.people, self.operating = recovery, recovery.people, operating

    def begins(self, cell: Cell) -> None:
        """An episode begins: when it should be over."""
        cell.assists = 0
        self._wait(cell)

    def _wait(self, cell: Cell) -> None:
        """From now on the episode has another `after_s`."""
        self.recovery.cancel(cell, WHY)
        if cell.assists < self.spec.per_episode:
            cell.timers[WHY] = self.clock.after(self.spec.after_s, "assist.due", cell.name)

    def due(self, cell: Cell) -> None:
        """An episode goes on for too long. Whoever is stopped waits for that to be over first."""
        can = self.lanes[cell.lane].began.objects.shape[1] > 0 and self.recovery.can_come(self.spec.pool, cell, "reset")
        if can and cell.stop is None and cell.page is None:
            cell.assists, cell.cry = cell.assists + 1, cell.start_event
            self.people.page(cell, self.spec.pool, WHY, self.spec.deadline_s, afar=True, episode=cell.episode)
        self._wait(cell)

    def arrived(self, page: Page) -> None:
        """The operator sits at the controls. A robot that was stopped meanwhile is left alone."""
        if page.cell.stop is not None:
            self.people.finish(page.number)
            return
        self.operating.assist(page.cell, self.lanes[page.cell.lane], page, self.spec.drive)

    def over(self, cell: Cell, how: str) -> None:
        """Nobody drives the robot of an episode any more (`done`, `late`, `link`, `stop`, `ended`)."""
        page = self.operating.back(cell, self.lanes[cell.lane], how)
        if page is not None:
            cell.interventions += 1
            cell.intervention_us += self.clock.now_us - page.from_us
            self.people.finish(page.number)
            self._wait(cell)

    def ends(self, cell: Cell) -> None:
        """The episode ends: so does the help, and a call that nobody has answered."""
        self.over(cell, "ended")
        self.recovery.cancel(cell, WHY)
        if cell.page is not None:
            self.people.expire(cell.page)
