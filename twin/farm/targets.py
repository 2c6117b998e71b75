"""What the target of a fault names: cells, robots, links, groups and sites; people; servers; strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

ROLES = ("scheduler", "dispatch")


class Targets:
    """The names of one fleet. A text is looked for among cells first, then serials, links, groups and sites."""

    def __init__(
        self,
        cells: Iterable[tuple[str, Sequence[str], str | None, str | None]],
        groups: Mapping[str, Sequence[str]],
        pools: Mapping[str, int],
        servers: Iterable[str],
    ) -> None:
        """cells: (name, serials, link, site). pools: people of each."""
        self.all = list(cells)
        self.groups = groups
        people = [f"{pool}/{i + 1}" for pool, count in pools.items() for i in range(count)]
        self.names = {"pool": [*pools, *people], "server": list(servers), "strategy": list(ROLES)}

    def cells(self, text: str) -> list[str]:
        """The cells that a text names."""
        by_name = [name for name, *_ in self.all if fnmatchcase(name, text)]
        if by_name:
            return by_name
        if text in self.groups:
            return list(dict.fromkeys(c for pattern in self.groups[text] for c in self.cells(pattern)))
        more = ((name, (*serials, link, site)) for name, serials, link, site in self.all)
        return [name for name, also in more if any(known is not None and fnmatchcase(known, text) for known in also)]

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
        more = [x for _, serials, link, site in self.all for x in (*serials, link, site) if x]
        return list(dict.fromkeys([name for name, *_ in self.all] + list(self.groups) + more))
