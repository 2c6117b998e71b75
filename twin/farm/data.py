"""What becomes of an episode's data: recorders that drop it, cameras out of step, disks that fill while the upload lags, audits
of labels, and failures that count as successes of the goal they reached instead."""

from __future__ import annotations

from typing import NamedTuple

from twin.core.chance import Chance
from twin.core.clock import US
from twin.core.quantity import quantile
from twin.farm.cells import Cell
from twin.farm.spec import StoreSpec

MEGABIT = 8.0


class Filed(NamedTuple):
    """What the store says of an episode: why its data cannot be used (None: they can), its label after all, by whom, and the
    goal that it counts for where it is not its own."""

    reject: str | None
    label: bool | None
    source: str | None
    goal: str | None


class DataDesk:
    """The store of one farm. `backlog`: MB that wait on each cell's disk, and when that was counted (µs)."""

    def __init__(self, spec: StoreSpec, chance: Chance) -> None:
        self.spec, self.chance = spec, chance
        self.saved: dict[str, int] = {}
        """Usable episodes by site."""
        self.backlog: dict[str, tuple[float, int]] = {}

    def file(self, cell: Cell, now_us: int, label: bool | None, truth: bool | None, reached: str | None) -> Filed:
        """Take an episode that ended. An auditor looks at some labels again; the farm acted on the first one."""
        spec, source = self.spec, None if label is None else "detector"
        reject = self._lost(cell) or self._full(cell, now_us)
        if truth is not None and spec.audited and self._luck(cell, "audit") < spec.audited:
            label, source = truth != (self._luck(cell, "audit/wrong") < spec.audit_wrong), "audit"
        goal = reached if spec.hindsight and label is False and reject is None else None
        return Filed(reject, label, source, goal)

    def _luck(self, cell: Cell, what: str) -> float:
        return self.chance.uniform(cell.name, f"data/{what}", cell.count)

    def _lost(self, cell: Cell) -> str | None:
        """A fault of recording, if there is one."""
        for name, share in (("recorder", self.spec.recorder_drops), ("desync", self.spec.camera_desync)):
            if share and self._luck(cell, name) < share:
                return name
        return None

    def _full(self, cell: Cell, now_us: int) -> str | None:
        """Put an episode on the cell's disk, from which the upload takes it; `disk_full` where there is no room."""
        spec = self.spec
        if spec.disk_gb is None:
            return None
        waiting, since = self.backlog.get(cell.name, (0.0, now_us))
        waiting = max(0.0, waiting - (now_us - since) / US * spec.upload_mbps / MEGABIT)
        size = quantile(spec.episode_mb, self._luck(cell, "size"))
        full = waiting + size > 1000.0 * spec.disk_gb
        self.backlog[cell.name] = (waiting if full else waiting + size, now_us)
        return "disk_full" if full else None
