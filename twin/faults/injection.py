"""One fault on one cell: when it began, what it had to act on, and the effect that its port measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twin.core.clock import US
from twin.core.records import RECEIPT_COLUMNS

SURELY = 20.0
"""So many effects must have been expected before none at all counts as inert: by chance that happens to one in 5e8 (e⁻²⁰)."""


@dataclass(eq=False)
class Injection:
    """State of a planned fault on one target. `effect` is written by ports only, never by the fault itself."""

    name: str
    spec: Any
    cell: str
    lane: int
    row: int
    unit: str
    active: bool = False
    onsets: int = 0
    onset_us: int | None = None
    cleared_us: int | None = None
    exposed_us: int = 0
    effect: float = 0.0
    expected: float | None = None
    """Where the effect is a matter of chance: how much of it was to be expected. Under `SURELY` and none seen is masked, not
    inert."""
    frozen: float | None = None
    """What a stuck encoder shows, from its first reading."""
    fired_us: int | None = None
    """When a slip began."""
    added_us: int = 0
    wait_us: int = 400_000
    """How long fingers must have held before they slip."""
    """Delay that a latency fault adds, drawn at its onset."""
    messages: int = 0
    delayed_us: float = 0.0
    since: tuple[int, int, int] = (0, 0, 0)
    """Link counters when last read."""

    def begin(self, now_us: int) -> None:
        """The fault is due."""
        self.active, self.onsets = True, self.onsets + 1
        self.onset_us = now_us if self.onset_us is None else self.onset_us
        self.frozen = self.fired_us = None

    def clear(self, now_us: int) -> None:
        """The fault ends."""
        self.active, self.cleared_us = False, now_us

    def status(self) -> str:
        """not_due, masked, acted or inert."""
        if not self.onsets:
            return "not_due"
        if self.effect > 0:
            return "acted"
        if self.exposed_us <= 0 or (self.expected is not None and self.expected < SURELY):
            return "masked"
        return "inert"

    def receipt(self) -> dict[str, Any]:
        """A row of the receipts table."""
        row: dict[str, Any] = dict.fromkeys(RECEIPT_COLUMNS)
        status = self.status()
        row.update(
            fault=self.name,
            component=self.spec.component,
            mode=self.spec.mode,
            target=self.cell,
            onset_s=None if self.onset_us is None else self.onset_us / US,
            cleared_s=None if self.active or self.cleared_us is None else self.cleared_us / US,
            status=status,
            effect=self.effect if status in ("acted", "inert") else None,
            unit=self.unit,
            exposed_s=self.exposed_us / US,
            must_act=self.spec.must_act,
            note=f"{self.onsets} onsets" if self.onsets > 1 else "",
        )
        return row
