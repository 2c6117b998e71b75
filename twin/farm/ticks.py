"""What cells did at every tick, where a scenario asks for it: states for pictures and for data. No hash depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from twin.core.clock import US
from twin.farm.cells import Cell
from twin.farm.lane import Lane


class Ticks:
    """Rows of `ticks.parquet` of the cells whose name matches `pattern`, kept until `take`: at the most what happens between
    two transactions."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.rows: list[dict[str, Any]] = []
        self.wanted: dict[str, bool] = {}

    def keep(self, t_us: int, lane: Lane, cells: Mapping[tuple[int, int], Cell]) -> None:
        """What a lane's running rows are like now, after their tick; `cells` by lane and row."""
        at = [cells[lane.index, int(row)] for row in lane.rows]
        shown = [i for i, cell in enumerate(at) if cell.state == "episode" and self._wants(cell.name)]
        if not shown:
            return
        seen = lane.world.observe(lane.rows[shown])
        sent, changed = lane.sent[lane.rows[shown]], lane.changed[lane.rows[shown]]
        for k, i in enumerate(shown):
            self.rows.append(
                {
                    "t_s": t_us / US, "cell": at[i].name, "episode": at[i].episode, "q": seen.q[k], "dq": seen.dq[k],
                    "grip_m": seen.grip[k], "tool_m": seen.tool[k], "objects": seen.objects[k].ravel(),
                    "command": sent[k], "filter": int(changed[k]),
                }
            )  # fmt: skip

    def take(self) -> list[dict[str, Any]]:
        """What was kept since the last call."""
        rows, self.rows = self.rows, []
        return rows

    def _wants(self, name: str) -> bool:
        if name not in self.wanted:
            self.wanted[name] = fnmatchcase(name, self.pattern)
        return self.wanted[name]
