"""Logs of episodes: a run folder, an episode table, or a foreign log with its map."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twin.calibrate.files import expand
from twin.calibrate.logspec import EpisodeLog
from twin.log.episodes import read_episodes
from twin.log.importer import import_events, import_log
from twin.log.mapspec import load_map
from twin.log.tables import read_run


@dataclass(frozen=True)
class Episodes:
    """The episode table of a log, its events where it has any, and what it came from."""

    name: str
    path: Path
    digest: str
    """sha256 of the file, or of the run's tables."""
    frame: pd.DataFrame
    events: pd.DataFrame | None = None
    map: str | None = None

    @property
    def sampled_s(self) -> float | None:
        """The step of the recorder that saw the episodes, s; None where their ends are exact."""
        told: float | None = self.frame.attrs.get("import", {}).get("sampled_s")
        return told

    @property
    def source(self) -> str:
        """Name and digest for an estimate."""
        return f"{self.name} {self.digest[:12]}"


def read_episode_log(name: str, spec: EpisodeLog, folder: Path) -> Episodes:
    """The log called `name`. Raises `TableError`, `RunFolderError`, `SpecError` (its map)."""
    path = expand(spec.path, folder)
    if path.is_dir():
        log = read_run(path)
        files = [path / "episodes.parquet", path / "events.parquet"]
        return Episodes(name, path, _digest(files), log.episodes, log.events)
    if spec.map is None:
        return Episodes(name, path, _digest([path]), read_episodes(path))
    beside = folder / spec.map
    mapping = beside if beside.is_file() else spec.map
    table, events = import_log(path, mapping), import_events(path, mapping)
    return Episodes(name, path, _digest([path]), table, events, load_map(mapping).map)


def _digest(files: list[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()
