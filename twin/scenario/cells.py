"""The cells of a fleet, one by one: `count` expanded, site and serials filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from twin.farm.spec import CellSpec, RobotInCell
from twin.farm.targets import Place


@dataclass(frozen=True)
class Cell:
    """One cell that stands in the farm. `spec` has its own name, `count` None, and a serial for every robot.

    `index` counts cells from 0, `entry` is its place in the list of the fleet file.
    """

    name: str
    spec: CellSpec
    index: int
    entry: int = 0


def expand(entries: Iterable[tuple[int, CellSpec]], site: str | None = None) -> Iterator[Cell]:
    """Cells in file order; `c` with `count: 12` becomes c01 … c12, its serials `S` S-01 … S-12; `site` fills the gaps."""
    index = 0
    for entry, spec in entries:
        for suffix in suffixes(spec.count):
            name = spec.name + suffix
            robots = tuple(_numbered(robot, name, i, suffix) for i, robot in enumerate(spec.robots, start=1))
            update = {"name": name, "count": None, "site": spec.site or site, "robots": robots}
            yield Cell(name, spec.model_copy(update=update), index, entry)
            index += 1


def suffixes(count: int | None) -> list[str]:
    """What the names of `count` cells alike end in; one cell by itself has no suffix."""
    width = max(2, len(str(count)))
    return [""] if count is None else [f"{i:0{width}d}" for i in range(1, count + 1)]


def serial(written: str | None, cell: str, position: int, suffix: str) -> str:
    """The serial of the robot at `position` (from 1) in a cell, from what the file says of its cells, if it does."""
    if written is None:
        return f"{cell}-r{position}"
    return f"{written}-{suffix}" if suffix else written


def _numbered(robot: RobotInCell, cell: str, position: int, suffix: str) -> RobotInCell:
    return robot.model_copy(update={"serial": serial(robot.serial, cell, position, suffix)})


def only_site(sites: Mapping[str, object] | None) -> str | None:
    """The site of cells that name none: the only one there is."""
    return next(iter(sites)) if sites is not None and len(sites) == 1 else None


def matching(cells: Iterable[Cell], pattern: str) -> list[Cell]:
    """The cells whose name is, or matches, a pattern such as `c0*`."""
    return [cell for cell in cells if fnmatchcase(cell.name, pattern)]


def places(cells: Iterable[Cell]) -> list[Place]:
    """What of each cell a fault can be aimed at."""
    return [Place(c.name, [r.serial or "" for r in c.spec.robots], c.spec.link, c.spec.site, c.spec.compute) for c in cells]
