"""What still stands of all that strategies were told: told again to one that starts empty."""

from __future__ import annotations

from collections.abc import Sequence

from twin.core.records import Event

CLOSES = ("job.done", "job.failed", "job.cancelled")


class Standing:
    """Events that are not overtaken: open jobs, free or leased cells, cries and calls that wait."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], list[Event]] = {}

    def saw(self, events: Sequence[Event]) -> None:
        """Bring it up to date."""
        for event in events:
            self._saw(event)

    def _saw(self, event: Event) -> None:
        kind, job, cell = event.kind, event.job or "", event.cell or ""
        if kind == "job.arrived":
            self.kept["job", job] = [event]
        elif kind in ("job.assigned", "job.returned"):
            self.kept["job", job] = [*self.kept.get(("job", job), ())[:1], event]
        elif kind in CLOSES:
            self.kept.pop(("job", job), None)
        elif kind in ("authority.offered", "authority.granted"):
            self.kept["cell", cell] = [event]
        elif kind in ("authority.released", "authority.withdrawn"):
            self.kept.pop(("cell", cell), None)
        elif kind in ("reset.stuck", "repair.start"):
            self.kept["cry", cell] = [event]
        elif kind == "page.sent":
            self.kept.pop(("cry", cell), None)
            self.kept["page", cell] = [event]
        elif kind in ("page.done", "page.expired"):
            self.kept.pop(("page", cell), None)
        elif kind in ("reset.done", "repair.done", "reset.abandoned"):
            self.kept.pop(("cry", cell), None)

    def told_again(self) -> list[Event]:
        """All of it, in the order in which it happened."""
        return sorted((event for events in self.kept.values() for event in events), key=lambda event: event.seq)
