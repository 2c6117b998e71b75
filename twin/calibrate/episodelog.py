"""Logs of episodes: a run folder, an episode table, or a foreign log with its map."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from twin.calibrate.episodetable import read_table
from twin.calibrate.files import expand
from twin.calibrate.logspec import EpisodeLog
from twin.calibrate.result import Finding
from twin.core.errors import TableError
from twin.judge.columns import numbers
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
    findings: tuple[Finding, ...] = ()
    components: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Events by what failed, where the log tells components apart ("": the robot as a whole)."""

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
    found = _whole(name, spec, folder)
    return found if spec.share == (0.0, 1.0) else _part(found, *spec.share)


def _part(whole: Episodes, low: float, high: float) -> Episodes:
    """Its episodes that began from one share of all to another, and what happened from then on until the next begins.

    Raises `TableError` where none is left.
    """
    start = numbers(whole.frame, "start_s", table="episodes")
    order = np.argsort(start, kind="stable")
    ends = round(low * len(order)), round(high * len(order))
    kept = np.sort(order[ends[0] : ends[1]])
    if not kept.size:
        raise TableError(f"log {whole.name!r}: no episode of {len(order)} lies in share [{low:g}, {high:g}]")
    frame = whole.frame.iloc[kept].reset_index(drop=True)
    frame.attrs = whole.frame.attrs
    whole = replace(whole, name=f"{whole.name}[{low:g}, {high:g}]")
    if whole.events is None:
        return replace(whole, frame=frame)
    t = whole.events["t_s"].to_numpy(float)
    first = start[order[ends[0]]] if ends[0] else -np.inf
    after = start[order[ends[1]]] if ends[1] < len(order) else np.inf
    return replace(whole, frame=frame, events=whole.events[(t >= first) & (t < after)].reset_index(drop=True))


def _whole(name: str, spec: EpisodeLog, folder: Path) -> Episodes:
    if spec.columns:
        table, digest, findings = read_table(name, spec, folder)
        return Episodes(name, folder, digest, table, findings=findings)
    assert isinstance(spec.path, str)
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
