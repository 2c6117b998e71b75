"""What is drawn of each cell's time: every span while they are few, else columns of equal time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from twin.core.records import Floats

EXACT = 15_000
"""Spans of all cells up to which each is kept."""
BINS = 60_000
"""Columns of all cells together, beyond that."""
MOST, LEAST = 2_000, 100
"""Columns of one cell."""

Drawn = tuple[str, int, int]
"""(look, start_us, end_us)"""


class Strips:
    """The looks of each cell over time, in memory that does not grow with the run."""

    def __init__(self, cells: Sequence[str], duration_us: int) -> None:
        self.duration_us = max(duration_us, 1)
        self.columns = int(max(LEAST, min(MOST, BINS // max(len(cells), 1))))
        self.width_us = self.duration_us / self.columns
        self.count, self.limit = 0, EXACT
        self.exact: dict[str, list[Drawn]] = {cell: [] for cell in cells}
        """Cell → spans; empty once there are more than `limit`."""
        self.filled: dict[str, dict[str, array[float]]] = {cell: {} for cell in cells}
        """Cell → look → µs in each column, once there are."""

    @property
    def whole(self) -> bool:
        """Whether every span is kept."""
        return self.count <= self.limit

    def add(self, cell: str, look: str, start_us: int, end_us: int) -> None:
        """One more span of a cell."""
        if end_us <= start_us:
            return
        self.count += 1
        if self.count <= self.limit:
            self.exact[cell].append((look, start_us, end_us))
            return
        if self.count == self.limit + 1:
            for name, spans in self.exact.items():
                for span in spans:
                    self._fill(name, *span)
                spans.clear()
        self._fill(cell, look, start_us, end_us)

    def _fill(self, cell: str, look: str, start_us: int, end_us: int) -> None:
        held = self.filled[cell].get(look)
        if held is None:
            held = self.filled[cell][look] = array("d", bytes(8 * self.columns))
        width = self.width_us
        first, last = int(start_us / width), min(int(end_us / width), self.columns - 1)
        if first >= last:
            held[min(first, last)] += end_us - start_us
            return
        held[first] += (first + 1) * width - start_us
        for i in range(first + 1, last):
            held[i] += width
        held[last] += end_us - last * width

    def shares(self, cell: str, looks: Sequence[str], columns: int) -> Floats:
        """µs (looks, columns) of each look in columns of equal time."""
        edges, out = np.linspace(0, self.duration_us, columns + 1), np.zeros((len(looks), columns))
        for i, look in enumerate(looks):
            if self.whole:
                own = [(start, end) for kind, start, end in self.exact[cell] if kind == look]
                if own:
                    begin, stop = np.array(own, dtype=float).T
                    total = np.concatenate([[0.0], np.cumsum(stop - begin)])
                    knots, sums = np.stack([begin, stop], 1).ravel(), np.stack([total[:-1], total[1:]], 1).ravel()
                    out[i] = np.diff(np.interp(edges, knots, sums, left=0.0, right=total[-1]))
            elif look in self.filled[cell]:
                total = np.concatenate([[0.0], np.cumsum(self.filled[cell][look])])
                out[i] = np.diff(np.interp(edges, np.linspace(0, self.duration_us, self.columns + 1), total))
        return out
