"""What becomes of an episode's data: what recorder and faults leave of it, whether the store takes it, when it is there, what
an audit makes of its label, and failures that count as successes of the goal that they reached instead."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

from twin.core.chance import Chance
from twin.core.clock import US, Clock
from twin.core.quantity import quantile
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.disks import Disks
from twin.farm.spec import StoreSpec
from twin.faults.compute import ClockSkew
from twin.faults.injection import InForce, Injection
from twin.faults.recorder import RecorderFault, Take, UploadStalls


class Filed(NamedTuple):
    """What the store says of an episode: why its data cannot be used (None: they can), its label after all, by whom, the goal
    that it counts for where it is not its own, and whether its upload waits."""

    reject: str | None
    label: bool | None
    source: str | None
    goal: str | None
    waits: bool = False


class Waiting(NamedTuple):
    """A recording that waits for its upload, since µs."""

    job: str
    episode: int
    goal: str | None
    since_us: int


class DataDesk:
    """The recorders of all cells and the store."""

    def __init__(self, spec: StoreSpec, clock: Clock, book: Book, chance: Chance, in_force: InForce) -> None:
        self.spec, self.clock, self.book, self.chance, self.in_force = spec, clock, book, chance, in_force
        self.saved: dict[str, int] = {}
        """Usable episodes by site."""
        self.disks = Disks(spec, clock, book, in_force)
        self.waiting: dict[str, list[Waiting]] = {}
        """Cell → what waits for its upload."""

    def file(
        self, cell: Cell, spent_us: int, label: bool | None, truth: bool | None, reached: str | None, spoilt: str | None
    ) -> Filed:
        """Take an episode that ended after `spent_us`. An auditor looks at some labels again; the farm acted on the first one.
        spoilt: why its data are of no use anyway."""
        spec, source = self.spec, None if label is None else "detector"
        take = self._take(cell, spent_us)
        refused = self._refused(cell, take) or self._full(cell)
        reject = spoilt or refused
        if truth is not None and spec.audited and self._luck(cell, "audit") < spec.audited:
            label, source = truth != (self._luck(cell, "audit/wrong") < spec.audit_wrong), "audit"
        goal = reached if spec.hindsight and label is False and reject is None else None
        return Filed(reject, label, source, goal, take.waits)

    def keep(self, cell: Cell, job: str, episode: int, filed: Filed) -> None:
        """Say what became of a recording; one whose upload waits is told of when it is there."""
        goal: dict[str, Any] = {} if filed.goal is None else {"goal": filed.goal}
        if filed.reject is not None:
            self.book.emit("data.rejected", cell, job=job, episode=episode, reason=filed.reject)
            return
        self.saved[cell.site] = self.saved.get(cell.site, 0) + 1
        if filed.waits:
            self.waiting.setdefault(cell.name, []).append(Waiting(job, episode, filed.goal, self.clock.now_us))
        elif goal:
            self.book.emit("data.saved", cell, job=job, episode=episode, **goal)
        else:
            self.book.usual("data.saved", cell, job=job, episode=episode)

    def _luck(self, cell: Cell, what: str) -> float:
        return self.chance.uniform(cell.name, f"data/{what}", cell.count)

    def _take(self, cell: Cell, spent_us: int) -> Take:
        """What is recorded: what the fleet's recorders lose anyway, then each fault in force, which is measured here."""
        frames, spec = round(spent_us / US * self.spec.frame_hz), self.spec
        take = Take(frames, frames)
        if spec.recorder_drops and self._luck(cell, "recorder") < spec.recorder_drops:
            take.lost = "recorder"
        if spec.camera_desync and self._luck(cell, "desync") < spec.camera_desync:
            take.offset_ms = math.inf
        cell.clock_off_us = 0
        for fault in sorted(self.in_force.of(cell.name, RecorderFault), key=lambda each: each.number):
            before = replace(take)
            fault.spec.record(take, self.chance.stream(f"fault/{fault.name}/{cell.name}", "take", cell.count))
            self._measure(fault, before, take, spent_us)
        for fault in self.in_force.of(cell.name, ClockSkew):
            was_us = cell.clock_off_us
            cell.clock_off_us += round(fault.spec.off_s((cell.started_us - fault.began_us) / US) * US)
            fault.measured(abs(cell.clock_off_us - was_us) / US, spent_us)
        return take

    @staticmethod
    def _measure(fault: Injection, before: Take, after: Take, spent_us: int) -> None:
        """What one fault did to a take; how long an upload waited is known when it is there."""
        match fault.spec.unit:
            case "frames":
                fault.measured(before.kept - after.kept, spent_us if before.kept else 0)
            case "ms":
                fault.measured(after.offset_ms - before.offset_ms, 0 if math.isinf(before.offset_ms) else spent_us)
            case "mm":
                fault.measured(after.extrinsics_mm - before.extrinsics_mm, spent_us)
            case "s":
                fault.measured(0.0, spent_us)

    def _refused(self, cell: Cell, take: Take) -> str | None:
        """Why the store does not take it; None: it does, as far as it looks."""
        store, lost = self.spec, take.frames - take.kept
        if take.lost is not None:
            return take.lost
        if take.frames and lost > store.max_lost * take.frames:
            return "truncated" if take.cut else "frames_lost"
        if take.offset_ms > store.max_offset_ms:
            return "desync"
        if store.max_extrinsics_mm is not None and take.extrinsics_mm > store.max_extrinsics_mm:
            return "wrong_extrinsics"
        if abs(cell.clock_off_us) > store.max_skew_s * US:
            return "wrong_clock"
        if take.waits and len(self.waiting.get(cell.name, ())) >= take.buffer:
            return "buffer_full"
        return None

    def _full(self, cell: Cell) -> str | None:
        """Put an episode on the cell's disk, from which the upload takes it; `disk_full` where there is no room."""
        if self.disks.limit_mb is None:
            return None
        size = quantile(self.spec.episode_mb, self._luck(cell, "size"))
        return None if self.disks.put(cell, size) else "disk_full"

    def flush(self, cell: Cell) -> None:
        """What waited for its upload is there now."""
        self.settle(cell.name)
        self.disks.settle(cell.name)
        for job, episode, goal, _ in self.waiting.pop(cell.name, ()):
            told: dict[str, Any] = {} if goal is None else {"goal": goal}
            self.book.emit("data.saved", cell, job=job, episode=episode, **told)

    def settle(self, *cells: str) -> None:
        """How long what waits on these cells (none named: on all) has waited is the effect of what holds it up."""
        for name in cells or tuple(self.waiting):
            for fault in self.in_force.of(name, UploadStalls):
                for *_, since_us in self.waiting.get(name, ()):
                    fault.measured((self.clock.now_us - since_us) / US)
