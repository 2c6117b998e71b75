"""The report of one run or of several: one HTML file that opens anywhere, from the verdict to the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from twin.judge.report import page
from twin.judge.trajectories import Played
from twin.log.tables import RunLog


def render(
    logs: RunLog | Sequence[RunLog],
    real: Sequence[pd.DataFrame],
    out: Path,
    *,
    published: Sequence[Path | str] = (),
    margins: Mapping[str, float] | None = None,
    played: Sequence[Played] = (),
) -> Path:
    """Write the report of one run or of several to `out`, beside real episode tables and `published` figures (paths, or names
    that ship). Several runs stand in a table first; those of one scenario that differ in their seed are taken together.
    `margins`: statistic → what counts as equal, over the defaults of `judge.compare`. `played`: comparisons of engines, whose
    trajectories are shown beside their runs.

    One self-contained HTML file, byte for byte the same for the same input. `TableError` where a table holds what cannot
    be judged or fits none of the scenarios, `InputError` where a run is given twice, `StorageError` where the file cannot be
    written.
    """
    given = [logs] if isinstance(logs, RunLog) else list(logs)
    return page.render(given, real, out, cited=published, margins=margins, played=played)
