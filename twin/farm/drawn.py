"""The outcome tier: an episode is not simulated, its outcome is drawn. All else of the farm is the same.

An episode costs two entries on the clock and a handful of numbers, each from a series keyed by cell and episode, so that months
of a fleet pass in minutes and no cell's draws move with another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twin.core.clock import to_us
from twin.core.quantity import quantile
from twin.farm.cells import Cell
from twin.farm.episodes import Episodes, Found
from twin.farm.jobs import Job
from twin.farm.ladder import ReverseRung
from twin.farm.learning import Learning
from twin.farm.outcomes import LearningSpec, Odds, OutcomeModel, Result, odds
from twin.faults.injection import Injection

NOTHING: dict[str, Any] = {}
SAYS = {"grip_loss": "symptom.grip_loss", "link_timeout": "link.timeout"}
"""Symptom → the event that tells it."""


class Drawn(Episodes):
    """Episodes whose result and length are known, to nobody, when they begin."""

    def __init__(self, model: OutcomeModel, learning: LearningSpec | None, cells: Sequence[Cell], *parts: Any) -> None:
        """parts: as `Episodes` takes them."""
        super().__init__(*parts)
        self.model = model
        self.learning = Learning(learning, self.clock, self.book, cells, self.desk.saved) if learning else None
        self.odds: dict[tuple[str, str, str, int], Odds] = {}
        """(task, policy, robot model, attempt) → odds; made when first needed."""
        self.learnt: dict[tuple[str, str, str, int, str], tuple[float, Odds]] = {}
        """The same and a site → how good its policy is, and odds scaled to that."""
        self.versions: dict[str, str] = {}
        """Cell → the version that its episode runs, where policies learn."""
        self.results: dict[str, Result] = {}
        """Cell → what its episode will have been."""
        self.left_us: dict[str, int] = {}
        """Cell → when its episode will be over (µs); while it stands: how long it still takes."""
        self.cut: dict[str, list[Injection]] = {}
        """Cell → outages because of which nothing that it asks is answered."""
        self.timeout_us = to_us(self.facts["timeout_s"])

    def constants(self) -> list[Any]:
        """The model and its results."""
        return [*super().constants(), self.model, *(result for entry in self.model.entries for result in entry.results)]

    def launch(self, cell: Cell, job: Job) -> None:
        """Draw what will become of the episode and when it will be over."""
        key = (job.spec.task, self.policy(cell), cell.robot_spec.model, job.tries + 1)
        chances = self.odds.get(key) or self._odds(key)
        if self.learning is not None:
            chances = self._scaled(key, cell, self.learning)
        uniform, name, count = self.chance.uniform, cell.name, cell.count
        result = chances.drawn(uniform(name, "outcome", count))
        long_us = round(1e6 * quantile(result.duration_s, uniform(name, "duration", count)))
        self.results[name] = result
        if self.cut.get(name):
            self.left_us[name] = long_us
            self._wait(cell)
            self.symptom(cell, "link_timeout", SAYS["link_timeout"])
        else:
            self._go(cell, long_us)

    def can_undo(self, cell: Cell, rung: ReverseRung) -> bool:
        """Whether the rung names the reverse of the task that the cell did."""
        return cell.setup in rung.of

    def undo(self, cell: Cell, rung: ReverseRung) -> None:
        """Draw an outcome of the reverse task."""
        key = (rung.of[cell.setup or ""], self.policy(cell), cell.robot_spec.model, 1)
        chances = self.odds.get(key) or self._odds(key)
        result = chances.drawn(self.chance.uniform(cell.name, "undo/outcome", cell.tried))
        seconds = quantile(result.duration_s, self.chance.uniform(cell.name, "undo/duration", cell.tried))
        good, late = result.success, seconds > rung.deadline_s
        cell.timers["reset"] = self.clock.after(min(seconds, rung.deadline_s), "undo.end", cell.name, good and not late)

    def policy(self, cell: Cell) -> str:
        """`name@version` of the policy that a cell runs."""
        columns = self.facts["columns"]
        return f"{columns['policy']}@{columns['policy_version']}"

    def _odds(self, key: tuple[str, str, str, int]) -> Odds:
        entry = self.model.find(*key)
        assert entry is not None, f"no outcome entry for {key}: the scenario's check lets none pass"
        self.odds[key] = made = odds(entry.results)
        return made

    def _scaled(self, key: tuple[str, str, str, int], cell: Cell, learning: Learning) -> Odds:
        """The odds of the version that a cell's site runs."""
        self.versions[cell.name] = str(learning.version[cell.site])
        level, held = learning.level[cell.site], self.learnt.get((*key, cell.site))
        if held is None or held[0] != level:
            entry = self.model.find(*key)
            assert entry is not None
            held = self.learnt[(*key, cell.site)] = (level, odds(entry.results, level))
        return held[1]

    def begin(self) -> None:
        """Where policies learn, their rollouts."""
        if self.learning is not None:
            self.learning.begin()

    def rollout(self, site: str) -> None:
        """A new version for a site."""
        assert self.learning is not None
        self.learning.rollout(site)

    def _go(self, cell: Cell, us: int) -> None:
        """The episode goes on for so long, or until its time is up."""
        ends_us = min(self.clock.now_us + max(1, us), cell.started_us + self.timeout_us)
        self.recovery.cancel(cell, "timeout")
        cell.timers["drawn"] = self.clock.at(ends_us, "episode.drawn", cell.name, cell.episode)
        self.left_us[cell.name] = ends_us
        self._breaks(cell, ends_us)

    def _stand(self, cell: Cell) -> None:
        """The episode stands; so much of it is left."""
        if "drawn" in cell.timers:
            self.recovery.cancel(cell, "drawn")
            self.left_us[cell.name] -= self.clock.now_us
            self._wait(cell)

    def _wait(self, cell: Cell) -> None:
        """While it stands its time runs all the same."""
        ends_us = cell.started_us + self.timeout_us
        cell.timers["timeout"] = self.clock.at(ends_us, "episode.timeout", cell.name, cell.episode)
        self._breaks(cell, ends_us)

    def _breaks(self, cell: Cell, ends_us: int) -> None:
        """A failure is entered only where it comes before the end."""
        if "failure" not in cell.timers and (next_ := self.wear.next(cell)) is not None:
            fails_us = max(self.clock.now_us, cell.started_us + next_[0])
            if fails_us < ends_us:
                cell.timers["failure"] = self.clock.at(fails_us, "robot.breaks", cell.name, next_[1])

    def undone(self, cell: Cell) -> bool:
        """What was drawn is handed on with the end; nothing runs on a row."""
        raise NotImplementedError

    def launch_test(self, cell: Cell) -> None:
        """It takes its time and finds nothing: what is broken here is known."""
        cell.timers["drawn"] = self.clock.after(self.repair.spec.takes_s, "test.drawn", cell.name)

    def halt_test(self, cell: Cell) -> None:
        """Its end is not waited for any more."""
        self.recovery.cancel(cell, "drawn")

    def over(self, cell: Cell) -> None:
        """The drawn end of an episode has come: what it reports, and how it ended."""
        cell.timers.pop("drawn", None)
        result = self.results[cell.name]
        for name in result.symptoms:
            if name == "protective_stop":
                cell.symptoms.append(name)
                self.book.emit("stop.protective", cell, job=cell.job, episode=cell.episode, reason="drawn")
                self.book.emit("stop.cleared", cell, job=cell.job, episode=cell.episode)
            elif name in SAYS:
                self.symptom(cell, name, SAYS[name])
        late = self.clock.now_us - cell.started_us >= self.timeout_us
        self.end(cell, "timeout" if late else result.end_reason)

    def halt(self, cell: Cell, job: Job, reason: str) -> Found:
        """The truth of an episode that came to its end is the drawn one; of one that was cut short, that it failed."""
        result = self.results.pop(cell.name)
        self.left_us.pop(cell.name, None)
        self.robot_us += self.clock.now_us - cell.started_us
        columns = {"policy_version": self.versions[cell.name]} if self.learning is not None else NOTHING
        if reason != result.end_reason:
            return Found(False, True, columns)
        near = result.in_reach and "object_lost" not in result.symptoms
        return Found(result.success, near, columns, reached=result.reached)

    def stop_robot(self, cell: Cell, category: int) -> bool:
        """A stopped robot's episode ends as much later as it stood, unless its time is up before."""
        self._stand(cell)
        return True

    def reset_stop(self, cell: Cell) -> bool:
        """It stands at once."""
        return True

    def start_robot(self, cell: Cell) -> None:
        """What is left of the episode begins, once its policy answers."""
        if not self.cut.get(cell.name):
            self._go(cell, self.left_us[cell.name])

    def cut_off(self, cell: Cell, fault: Injection) -> None:
        """What runs there stands: its policy does not answer."""
        self.cut.setdefault(cell.name, []).append(fault)
        if cell.state == "episode":
            self.symptom(cell, "link_timeout", SAYS["link_timeout"])
            self._stand(cell)

    def answered(self, cell: Cell, fault: Injection) -> None:
        """With the last outage the policy answers again, as soon as it is ready to."""
        self.cut[cell.name].remove(fault)
        if cell.state == "episode" and not self.cut[cell.name]:
            self.left_us[cell.name] += round(1e6 * quantile(fault.spec.cold_s, 0.5))
            if cell.stop is None:
                self._go(cell, self.left_us[cell.name])

    def waits(self, cell: Cell, fault: Injection) -> bool:
        """Whether an episode stands because of an outage."""
        return cell.state == "episode" and fault in self.cut.get(cell.name, ())
