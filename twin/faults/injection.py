"""One fault on one target: when it began, what it had to act on, and the effect that its port measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from twin.core.clock import US
from twin.core.records import RECEIPT_COLUMNS

SURELY = 20.0
"""So many effects must have been expected before none at all counts as inert: by chance that happens to one in 5e8 (e⁻²⁰)."""


@dataclass(eq=False)
class Injection:
    """State of a planned fault on one target. Only what carries the fault out (a port, or the farm) calls `measured`."""

    name: str
    spec: Any
    cell: str
    lane: int
    row: int
    number: int = 0
    """Its entry's place in the plan: of several faults at one port the earlier entry acts first."""
    key: int = 0
    """Of its random draws; a new one every onset."""
    active: bool = False
    onsets: int = 0
    onset_us: int | None = None
    coincident: int = 0
    """Onsets that met the fault still in force."""
    missed: int = 0
    """Onsets that found nothing to act on."""
    parts: list[Injection] = field(default_factory=list)
    """Of a fault of a group, while it lasts: what it does on each cell."""
    lasts_s: float | None = None
    """How long the latest onset is meant to last; None: open."""
    began_us: int = 0
    """The latest onset."""
    cleared_us: int | None = None
    exposed_us: int = 0
    effect: float = 0.0
    weight: float = 0.0
    """How much was averaged, where the effect is a mean."""
    expected: float | None = None
    """Where the effect is a matter of chance: how much of it was to be expected. Under `SURELY` and none seen is masked, not
    inert."""

    def begin(self, now_us: int, key: int = 0) -> None:
        """The fault is due."""
        self.active, self.onsets, self.began_us, self.key = True, self.onsets + 1, now_us, key
        self.onset_us = now_us if self.onset_us is None else self.onset_us

    def clear(self, now_us: int) -> None:
        """The fault ends."""
        self.active, self.cleared_us = False, now_us

    def measured(self, effect: float, exposed_us: int = 0, weight: float = 1.0, expected: float | None = None) -> None:
        """For `exposed_us` it had something to act on, and its port found this effect. weight: for effects that are means."""
        self.exposed_us += exposed_us
        if expected is not None:
            self.expected = (self.expected or 0.0) + expected
        match self.spec.FOLD:
            case "sum":
                self.effect += effect
            case "max":
                self.effect = max(self.effect, effect)
            case "mean" if weight > 0:
                self.weight += weight
                self.effect += (effect - self.effect) * weight / self.weight

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
            unit=self.spec.unit,
            exposed_s=self.exposed_us / US,
            must_act=self.spec.must_act,
            note=self._note(),
        )
        return row

    def _note(self) -> str:
        """What became of its onsets, where there were several."""
        if self.onsets + self.coincident < 2:
            return ""
        kinds = {"applied": self.onsets - self.missed, "coincident": self.coincident, "without anything to act on": self.missed}
        told = ", ".join(f"{n} {word}" for word, n in kinds.items() if n)
        return f"{self.onsets + self.coincident} onsets: {told}"
