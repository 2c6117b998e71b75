"""What becomes of an episode's recording: what faults leave of it, whether the store takes it, and when it is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import US, Clock
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.spec import StoreSpec
from twin.farm.trouble import Trouble
from twin.faults.compute import ClockSkew
from twin.faults.injection import Injection
from twin.faults.recorder import RecorderFault, Take, UploadStalls


class Recorder:
    """The recorders of all cells, and the store's examination of what they hand over."""

    def __init__(self, store: StoreSpec, clock: Clock, book: Book, chance: Chance, trouble: Trouble) -> None:
        self.store, self.clock, self.book, self.chance, self.trouble = store, clock, book, chance, trouble
        self.take = Take(0, 0)
        """The last episode's."""
        self.waiting: dict[str, list[tuple[str, int, Any, int]]] = {}
        """Cell → (job, episode, goal, when it ended) of what waits for its upload."""

    def refuses(self, cell: Cell, spent_us: int) -> str | None:
        """An episode of `spent_us` ended: why the store does not take its recording, or None."""
        cell.clock_off_us = 0
        self.take = self._take(cell, spent_us)
        return self._refused(cell, self.take)

    def holds(self, cell: Cell, job: str, episode: int, goal: Any) -> bool:
        """Whether a recording that is taken has to wait for its upload."""
        if self.take.waits:
            self.waiting.setdefault(cell.name, []).append((job, episode, goal, self.clock.now_us))
        return self.take.waits

    def _take(self, cell: Cell, spent_us: int) -> Take:
        """What is recorded, after each fault in force; what each took away is measured here."""
        frames = round(spent_us / US * self.store.frame_hz)
        take = Take(frames, frames)
        for number in self.trouble.of[cell.name]:
            fault = self.trouble.injections[number]
            if not fault.active:
                continue
            if isinstance(fault.spec, RecorderFault):
                before = replace(take)
                fault.spec.record(take, self.chance.stream(f"fault/{fault.name}/{cell.name}", "take", cell.count))
                self._measure(fault, before, take, spent_us)
            elif isinstance(fault.spec, ClockSkew):
                off_s = fault.spec.off_s((cell.started_us - fault.began_us) / US)
                cell.clock_off_us += round(off_s * US)
                fault.measured(abs(off_s), spent_us)
        return take

    @staticmethod
    def _measure(fault: Injection, before: Take, after: Take, spent_us: int) -> None:
        """What one fault did to a take."""
        match fault.spec.unit:
            case "frames":
                fault.measured(before.kept - after.kept, spent_us if before.kept else 0)
            case "ms":
                fault.measured(after.offset_ms - before.offset_ms, spent_us)
            case "mm":
                fault.measured(after.extrinsics_mm - before.extrinsics_mm, spent_us)

    def _refused(self, cell: Cell, take: Take) -> str | None:
        """Why the store does not take it; None: it does, as far as it looks."""
        store, lost = self.store, take.frames - take.kept
        if not take.stored:
            return "disk full"
        if take.frames and lost > store.max_lost * take.frames:
            return "truncated" if take.cut else "frames lost"
        if take.offset_ms > store.max_offset_ms:
            return "camera out of step"
        if store.max_extrinsics_mm is not None and take.extrinsics_mm > store.max_extrinsics_mm:
            return "wrong extrinsics"
        if abs(cell.clock_off_us) > store.max_skew_s * US:
            return "wrong clock"
        if take.waits and len(self.waiting.get(cell.name, ())) >= take.buffer:
            return "buffer full"
        return None

    def flush(self, cell: Cell) -> None:
        """What waited for its upload is there now; how long it waited is the effect of what held it up."""
        for job, episode, goal, ended_us in self.waiting.pop(cell.name, ()):
            self.book.emit("data.saved", cell, job=job, episode=episode, **({} if goal is None else {"goal": goal}))
            self._waited(cell, self.clock.now_us - ended_us)

    def settle(self, cells: dict[str, Cell]) -> None:
        """Tell the waits of what has not been uploaded yet."""
        for name, waiting in self.waiting.items():
            for *_, ended_us in waiting:
                self._waited(cells[name], self.clock.now_us - ended_us)

    def _waited(self, cell: Cell, us: int) -> None:
        for number in self.trouble.of[cell.name]:
            fault = self.trouble.injections[number]
            if fault.active and isinstance(fault.spec, UploadStalls):
                fault.measured(us / US, us)
