"""What the target of a fault names: cells, robots, links, groups and sites; people; servers; strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

ROLES = ("scheduler", "dispatch")


class Place(NamedTuple):
    """A cell, and the names of what hangs together with it."""

    name: str
    serials: Sequence[str]
    link: str | None
    site: str | None
    server: str | None


class Targets:
    """The names of one fleet. A text is looked for among cells first, then serials, links, groups and sites."""

    def __init__(
        self,
        cells: Iterable[Place],
        groups: Mapping[str, Sequence[str]],
        pools: Mapping[str, int],
        servers: Iterable[str],
    ) -> None:
        """pools: people of each."""
        self.all = list(cells)
        self.groups = groups
        people = [f"{pool}/{i + 1}" for pool, count in pools.items() for i in range(count)]
        self.names = {"pool": [*pools, *people], "server": list(servers), "strategy": list(ROLES)}

    def cells(self, text: str) -> list[str]:
        """The cells that a text names."""
        by_name = [place.name for place in self.all if fnmatchcase(place.name, text)]
        if by_name:
            return by_name
        if text in self.groups:
            return list(dict.fromkeys(c for pattern in self.groups[text] for c in self.cells(pattern)))
        more = ((place.name, (*place.serials, place.link, place.site)) for place in self.all)
        return [name for name, also in more if any(known is not None and fnmatchcase(known, text) for known in also)]

    def members(self, spec: Any, target: str) -> list[str]:
        """The cells that are hit as one with a target of a fault: those of a group, or those that a policy server serves."""
        if getattr(spec, "AIM", "cell") == "server":
            return [place.name for place in self.all if place.server == target]
        return self.cells(target)

    def of(self, spec: Any) -> list[str]:
        """The targets of a fault, one injection each: cells; or the group as one; or people, servers, strategies."""
        aim = getattr(spec, "AIM", "cell")
        if aim == "cell":
            return self.cells(spec.target)
        if aim == "group":
            return [spec.target] if self.cells(spec.target) else []
        return [name for name in self.names[aim] if fnmatchcase(name, spec.target) and ("/" in name) <= ("/" in spec.target)]

    def known(self, aim: str) -> list[str]:
        """What a target of this kind could name."""
        if aim not in ("cell", "group"):
            return self.names[aim]
        more = [x for place in self.all for x in (*place.serials, place.link, place.site) if x]
        return list(dict.fromkeys([place.name for place in self.all] + list(self.groups) + more))
