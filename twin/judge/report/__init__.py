"""The report of a run: one HTML file that opens anywhere, from the verdict to the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from twin.judge.report import page
from twin.log.tables import RunLog


def render(log: RunLog, real: Sequence[pd.DataFrame], out: Path, *, published: Sequence[Path | str] = ()) -> Path:
    """Write the report of `log` to `out`, beside real episode tables and `published` figures (paths, or names that ship).

    One self-contained HTML file, byte for byte the same for the same input. `TableError` where a table holds what cannot
    be judged, `StorageError` where the file cannot be written.
    """
    return page.render(log, real, out, cited=published)
