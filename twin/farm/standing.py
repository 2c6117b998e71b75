"""What still stands of all that strategies were told: told again to one that starts empty."""

from __future__ import annotations

from collections.abc import Sequence

from twin.core.records import Event


class Standing:
    """Events that are not overtaken: open jobs, free or leased cells, cries and calls that wait."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[Event]] = {}

    def saw(self, events: Sequence[Event]) -> None:
        """Bring it up to date."""
        for event in events:
            self._saw(event)

    def _saw(self, event: Event) -> None:
        job, cell = ("job", event.job or ""), event.cell or ""
        match event.kind:
            case "job.arrived":
                self.kept[job] = [event]
            case "job.assigned" | "job.returned":
                self.kept[job] = [*self.kept.get(job, ())[:1], event]
            case "job.done" | "job.failed" | "job.cancelled":
                self.kept.pop(job, None)
            case "authority.offered" | "authority.granted":
                self.kept["cell", cell] = [event]
            case "authority.released" | "authority.withdrawn":
                self.kept.pop(("cell", cell), None)
            case "reset.stuck" | "repair.start":
                self.kept["cry", cell] = [event]
            case "page.sent":
                self.kept.pop(("cry", cell), None)
                self.kept["page", cell] = [event]
            case "page.done" | "page.expired":
                self.kept.pop(("page", cell), None)
            case "reset.done" | "repair.done" | "reset.abandoned":
                self.kept.pop(("cry", cell), None)

    def told_again(self) -> list[Event]:
        """All of it, in the order in which it happened."""
        return sorted((event for events in self.kept.values() for event in events), key=lambda event: event.seq)
