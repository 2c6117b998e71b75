"""A log of a million episodes calibrated: wall time of reading it and of the parts reliability, operations and episodes.

python -m benchmarks.calibrate_size [EPISODES]     one million by default; fails above 60 s
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance
from twin.log.columns import EPISODES

LIMIT_S = 60.0
CELLS = 50
PLAN = """\
calibrate: size
logs: {farm: {kind: episodes, path: log.parquet}}
parts:
  - {kind: reliability, log: farm}
  - {kind: operations, log: farm}
  - {kind: episodes, log: farm, covariates: [scene]}
"""


def write(path: Path, n: int) -> None:
    """An episode table of n rows, as another farm would write it."""
    stream = Chance(1).stream("size", "table")
    cell = np.arange(n) % CELLS
    skill = 0.75 + 0.15 * stream.random(CELLS)
    truth = stream.random(n) < skill[cell]
    label = np.where(stream.random(n) < 0.05, ~truth, truth)
    slips, stops = stream.random(n) < 0.1, stream.random(n) < 0.03
    lasts = 40 * np.exp(0.3 * stream.standard_normal(n)) + 20 * stops
    resets = stream.geometric(0.9, n)
    symptoms = [["grip_loss"] * bool(a) + ["protective_stop"] * bool(b) for a, b in zip(slips, stops, strict=True)]
    given = {
        "episode": np.arange(n), "source": ["real"] * n, "schema": [1] * n, "cell": [f"c{c:02d}" for c in cell],
        "task": ["pick"] * n, "policy": ["p"] * n, "scene": [f"s{k}" for k in stream.integers(0, 4, n)],
        "start_s": 60.0 * (np.arange(n) // CELLS), "duration_s": lasts, "censored": [False] * n,
        "end_reason": ["done"] * n, "truth": truth, "label": label,
        "symptoms": symptoms, "resets": resets, "reset_kind": ["automatic"] * n, "reset_s": 8.0 * resets,
    }  # fmt: skip
    columns = [pa.array(given[f.name], f.type) if f.name in given else pa.nulls(n, f.type) for f in EPISODES]
    pq.write_table(pa.Table.from_arrays(columns, schema=EPISODES), path)


def measure(n: int) -> float:
    """Seconds from the plan to all results."""
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        write(folder / "log.parquet", n)
        (folder / "plan.yaml").write_text(PLAN)
        began = time.perf_counter()
        found = calibrate(
            load_plan(folder / "plan.yaml"), say=lambda text: print(f"  {time.perf_counter() - began:6.1f} s  {text}")
        )
        took = time.perf_counter() - began
    print(f"  {sum(len(r.estimates) for r in found.results)} estimates")
    return took


def main() -> int:
    """Print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("episodes", nargs="?", type=int, default=1_000_000)
    n = parser.parse_args().episodes
    seconds = measure(n)
    print(f"{n} episodes: {seconds:.1f} s (at most {LIMIT_S:g})")
    return 0 if seconds <= LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
