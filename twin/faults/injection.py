"""One fault on one target: when it began, what it had to act on, and the effect that its port measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from twin.core.clock import US
from twin.core.records import RECEIPT_COLUMNS

SURELY = 20.0
"""An effect that is a matter of chance and was not seen is inert only where that happens to fewer than one in 5e8 (e⁻²⁰)."""


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
    event: int | None = None
    """Number of the event of its latest onset."""
    coincident: int = 0
    """Onsets that met the fault still in force."""
    planned: Any = None
    """Its entry in the plan, of which `spec` is what the latest onset made: its severity may have been drawn."""
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
    doubt: float | None = None
    """Where the effect is a matter of chance: minus the logarithm of the probability that none would have been seen. None seen
    is masked below `SURELY`, else inert."""

    def begin(self, now_us: int, key: int = 0) -> None:
        """The fault is due."""
        self.active, self.onsets, self.began_us, self.key = True, self.onsets + 1, now_us, key
        self.onset_us = now_us if self.onset_us is None else self.onset_us

    def clear(self, now_us: int) -> None:
        """The fault ends."""
        self.active, self.cleared_us = False, now_us

    def measured(self, effect: float, exposed_us: int = 0, weight: float = 1.0, chance: float | None = None) -> None:
        """For `exposed_us` it had something to act on, and its port found this effect. weight: for effects that are means;
        chance: how likely an effect was, where it is a matter of chance."""
        self.exposed_us += exposed_us
        if chance is not None:
            self.doubt = (self.doubt or 0.0) + (SURELY if chance >= 1.0 else min(SURELY, -math.log1p(-chance)))
        match self.spec.FOLD:
            case "sum":
                self.effect += effect
            case "max":
                self.effect = max(self.effect, effect)
            case "mean" if weight > 0:
                self.weight += weight
                self.effect += (effect - self.effect) * weight / self.weight

    def add(self, part: Injection) -> None:
        """What it did on one cell of its group."""
        self.measured(part.effect, part.exposed_us)
        self.doubt = part.doubt if self.doubt is None or part.doubt is None else self.doubt + part.doubt

    def status(self) -> str:
        """not_due, masked, acted or inert."""
        if not self.onsets:
            return "not_due"
        if self.effect > 0:
            return "acted"
        if self.exposed_us <= 0 or (self.doubt is not None and self.doubt < SURELY):
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
        came = self.onsets + self.coincident
        due = max(came, len(self.spec.onset.moments or ()))
        if due < 2:
            return ""
        kinds = {"applied": self.onsets - self.missed, "coincident": self.coincident, "without anything to act on": self.missed}
        told = ", ".join(f"{n} {word}" for word, n in (kinds | {"not due": due - came}).items() if n)
        return f"{due} onsets: {told}"


class InForce:
    """Faults that are in force outside the lanes, by their target: whoever carries one out asks here, and measures it."""

    def __init__(self) -> None:
        self.by: dict[str, list[Injection]] = {}
        self.cuts: dict[str, list[Injection]] = {}
        """Cell → what cuts its link, in either tier."""

    def enter(self, fault: Injection) -> None:
        """It begins."""
        self.by.setdefault(fault.cell, []).append(fault)

    def leave(self, fault: Injection) -> None:
        """It ends."""
        self.by[fault.cell].remove(fault)

    def cut(self, cell: str, fault: Injection) -> None:
        """It cuts a cell's link from now on, for `cuts_s` of its mode."""
        self.cuts.setdefault(cell, []).append(fault)

    def mend(self, cell: str, fault: Injection) -> None:
        """It does so no more."""
        self.cuts[cell].remove(fault)

    def is_cut(self, cell: str, now_us: int) -> bool:
        """Whether nobody reaches a cell from afar."""
        return any(now_us - fault.began_us < US * fault.spec.cuts_s() for fault in self.cuts.get(cell, ()))

    def of(self, target: str, kind: Any) -> list[Injection]:
        """Those of a kind of fault that are about a target, in the order of their onsets."""
        return [fault for fault in self.by.get(target, ()) if isinstance(fault.spec, kind)]
