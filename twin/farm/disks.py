"""The disks of cells: what waits there for its upload, for how long there was no room, and when the log is told of it.

Between two recordings a disk empties at the pace of its upload, but not while something holds uploads up.
"""

from __future__ import annotations

from dataclasses import dataclass

from twin.core.clock import US, Clock
from twin.core.quantity import nominal
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.spec import StoreSpec
from twin.faults.injection import InForce
from twin.faults.recorder import UploadStalls

MEGABIT = 8.0
TOLD_S, TOLD_SHARE = 600.0, 0.02
"""The log is told of a disk so often at most, and only where more than this share of it changed, or whether there is room."""


@dataclass
class Disk:
    """What waits on a disk (MB) at `at_us`; for how long there was no room so far; what was told last, and when."""

    mb: float
    at_us: int
    full_us: int = 0
    told: tuple[float, bool] | None = None
    told_us: int = 0


class Disks:
    """The disks of all cells of `limit_mb` each. Without a limit nothing is kept."""

    def __init__(self, spec: StoreSpec, clock: Clock, book: Book, in_force: InForce) -> None:
        self.clock, self.book, self.in_force = clock, book, in_force
        self.limit_mb = None if spec.disk_gb is None else 1000.0 * spec.disk_gb
        self.mb_per_us = spec.upload_mbps / MEGABIT / US
        self.room_mb = 0.0 if self.limit_mb is None else max(0.0, self.limit_mb - nominal(spec.episode_mb))
        """A disk that holds more has no room for a usual episode."""
        self.of: dict[str, Disk] = {}

    def put(self, cell: Cell, size_mb: float) -> bool:
        """Put an episode on its cell's disk; False where there is no room."""
        assert self.limit_mb is not None
        disk = self.of.get(cell.name)
        if disk is None:
            disk = self.of[cell.name] = Disk(0.0, self.clock.now_us)
        self.settle(cell.name)
        fits = disk.mb + size_mb <= self.limit_mb
        disk.mb += size_mb if fits else 0.0
        self._tell(cell, disk)
        return fits

    def settle(self, name: str) -> None:
        """Let a disk empty up to now."""
        disk, now = self.of.get(name), self.clock.now_us
        if disk is None:
            return
        held = min((fault.began_us for fault in self.in_force.of(name, UploadStalls)), default=now)
        drains_us = max(0, min(held, now) - disk.at_us)
        over_us = min(drains_us, round(max(0.0, disk.mb - self.room_mb) / self.mb_per_us))
        disk.mb = max(0.0, disk.mb - drains_us * self.mb_per_us)
        if disk.mb > self.room_mb:  # whatever is left stands still
            over_us = now - disk.at_us
        disk.full_us, disk.at_us = disk.full_us + over_us, now

    def _tell(self, cell: Cell, disk: Disk) -> None:
        now, full = self.clock.now_us, disk.mb > self.room_mb
        if disk.told is not None:
            moved = abs(disk.mb - disk.told[0]) >= TOLD_SHARE * (self.limit_mb or 1.0) or full != disk.told[1]
            if not moved or now - disk.told_us < TOLD_S * US:
                return
        disk.told, disk.told_us = (disk.mb, full), now
        full_s = round(disk.full_us / US, 3)
        self.book.emit("data.backlog", cell, mb=round(disk.mb, 1), limit_mb=self.limit_mb, full_s=full_s)
