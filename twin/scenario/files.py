"""The files that a scenario is put together from: its fleet, the fleet's outcomes, the sidecars of robots, overlays.

Each is named by a text in the document and stands beside the file that names it. All go one way: found (or refused with what
lies there), read, and put in place.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from twin.core.errors import nearest
from twin.core.yaml import Document, Loc, read
from twin.scenario import overlay
from twin.world.own.spec import SUFFIXES, is_file


class Files:
    """The files of one scenario, or of a fleet alone. `shown`: what the document's own file is called in messages."""

    def __init__(self, document: Document, file: Path, shown: str, over: Path | None = None) -> None:
        """over: an overlay of the caller's, laid over the fleet after the scenario's own."""
        self.document, self.file, self.shown, self.over = document, file, shown, over
        self.alone = "scenario" not in document.data and "cells" in document.data
        """A fleet alone."""
        self.fleet: Loc = () if self.alone else ("fleet",)
        self.folder = file.parent
        """Where the fleet lies."""

    def gather(self) -> None:
        """Put every file in place of its name."""
        if not self.alone:
            self._fleet()
        self._outcomes()
        robots = self._robots()
        if not self.alone:
            self._overlays()
            self._robots(robots)

    def _fleet(self) -> None:
        name = self._at(self.fleet)
        if isinstance(name, str):
            self.folder = (self.file.parent / name).parent
            self._put(self.fleet, self.file.parent / name, f"no fleet file {name!r} beside the scenario")

    def _outcomes(self) -> None:
        """An outcome model, which is looked for beside the fleet."""
        name, at = self._at((*self.fleet, "outcomes")), (*self.fleet, "outcomes")
        if isinstance(name, str):
            self._put(at, self.folder / name, f"no file of outcomes {name!r} beside the fleet")

    def _robots(self, done: Collection[str] = ()) -> set[str]:
        """The sidecar of each robot of the user's own into its entry; its file is named from the scenario's folder.

        Returns these names; those that are `done` are left alone: what an overlay names is looked for after it was laid.
        """
        named, robots = set(done), self._at((*self.fleet, "robots"))
        for name, robot in robots.items() if isinstance(robots, dict) else ():
            model = robot.get("model") if isinstance(robot, dict) else None
            if not isinstance(model, str) or not is_file(model) or (model in done and "own" in robot):
                continue
            path, at = self.folder / model, (*self.fleet, "robots", name)
            if not path.is_file():
                there = f"{model!r} is no plain file" if path.exists() else f"no file {model!r} beside the fleet"
                self._missing((*at, "model"), there, model, self.folder, SUFFIXES)
                self.document.doubtful.append((*at, "own"))
                continue
            robot["model"] = os.path.relpath(path.resolve(), self.file.parent.resolve())
            named.add(robot["model"])
            sidecar = path.with_suffix(".yaml")
            self._put((*at, "own"), sidecar, f"{model} needs its sidecar {sidecar.name!r} beside it")
        return named

    def _overlays(self) -> None:
        """What calibration found, over the fleet."""
        name = self._at(("overlay",))
        if isinstance(name, str):
            path = self.file.parent / name
            if path.is_file():
                overlay.apply(self.document, self.fleet, self._read(path))
            else:
                self._missing(("overlay",), f"no overlay {name!r} beside the scenario", name, self.file.parent)
        if self.over is not None:
            overlay.apply(self.document, self.fleet, read(self.over))

    def _at(self, loc: Loc) -> Any:
        """What stands at a path of the document; None where nothing does."""
        held = self.document.data
        for step in loc:
            held = held.get(step) if isinstance(held, dict) else None
        return held

    def _read(self, path: Path) -> Document:
        return read(path, os.path.normpath(Path(self.shown).parent / os.path.relpath(path, self.file.parent)))

    def _put(self, at: Loc, path: Path, missing: str) -> None:
        """A file's content in place of its name; nothing, where it is missing or cannot be read."""
        if path.is_file():
            other = self._read(path)
            self.document.graft(at, other)
            if other.data is None:
                self.document.doubtful.append(at)
            return
        self._missing(at, missing, path.name, self.file.parent)
        self.document.doubtful.append(at)
        self._at(at[:-1])[at[-1]] = None

    def _missing(self, at: Loc, told: str, name: str, folder: Path, suffixes: Collection[str] = (".yaml",)) -> None:
        """A problem that says what lies there instead."""
        found = [
            path for suffix in suffixes for path in sorted(folder.rglob(f"*{suffix}")) if path != self.file and path.is_file()
        ]
        self.document.problems.append(self.document.at(at, told + nearest(name, [str(p.relative_to(folder)) for p in found])))
