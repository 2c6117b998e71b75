"""How far two engines come apart within an episode, and the file (`…-engines.json`) in which a comparison of them stands."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twin.core.errors import InputError

ENDING = "-engines.json"
"""Ends the name of such a file."""


@dataclass(frozen=True)
class Apart:
    """How far two engines come apart in one episode of a kind of cell: mrad and mm, the largest of each phase (`free`, before
    anything is touched, `touching`, `after`).

    `alone_mm` is how far the first engine, `alone`, moves the thing by itself, by what was changed in it. The thing is furthest
    off at `worst_s`, half as far from `onset_s` on; `cause` says what that is due to. `course`: (s, mm) of the thing.
    """

    robot: str
    workcell: str
    joints_mrad: Mapping[str, float]
    tool_mm: Mapping[str, float]
    thing_mm: Mapping[str, float]
    alone_mm: Mapping[str, float]
    worst_s: float
    onset_s: float
    cause: str
    alone: str
    course: Sequence[tuple[float, float]] = ()

    @property
    def kind(self) -> str:
        """Of cell."""
        return f"{self.robot} at {self.workcell}"

    @property
    def most_mm(self) -> float:
        """The furthest that the thing is apart."""
        return max(self.thing_mm.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def by_itself(self) -> str:
        """What the first engine does alone, in words."""
        return ", ".join(f"{mm:.2g} mm with {change}" for change, mm in self.alone_mm.items())

    def sentence(self) -> str:
        """One line for people."""
        free = self.joints_mrad.get("free", 0.0)
        return (
            f"{self.kind}: joints up to {free:.2g} mrad apart until something is touched, {max(self.joints_mrad.values()):.2g} "
            f"in all; the thing up to {self.most_mm:.2g} mm, from {self.onset_s:.1f} s on: {self.cause} "
            f"({self.alone} by itself: {self.by_itself()})"
        )


@dataclass(frozen=True)
class Played:
    """A comparison's file: the run folders of both engines, and the episodes played on either, the furthest apart first."""

    runs: tuple[Path, ...]
    paths: tuple[Apart, ...]

    def holds(self, names: Collection[str]) -> bool:
        """Whether run folders of these names are among its runs."""
        return any(run.name in names for run in self.runs)


def read(file: Path) -> Played:
    """The comparison in a file; its run folders stand relative to it. Raises `InputError`."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        runs = tuple(file.parent / folder for side in told["runs"] for folder in side)
        paths = [Apart(**path) for path in told["trajectories"]]
        return Played(runs, tuple(sorted(paths, key=lambda path: -path.most_mm)))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{file} is no comparison of two engines; `twin compare --engines SCENARIO` writes one") from None
