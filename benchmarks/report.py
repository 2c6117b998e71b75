"""A report over 100,000 episodes of 500 cells, beside 10,000 real ones: seconds to judge, read and render, and the page's size.

    python -m benchmarks.report [--json]        fails when a page takes more than 15 s or 5 MB

The log is made up (no physics runs), but has what a real one has: failures, resets, stops, pages, breakages, and a check that
fails, so that rows of evidence are written too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from twin.core.chance import Chance, Stream
from twin.core.records import SCHEMA, blank_episode
from twin.judge.checks import evaluate
from twin.judge.report import render
from twin.judge.spec import CheckSpec
from twin.judge.verdict import verdict
from twin.log.columns import EPISODES, EVENTS, RECEIPTS, frame
from twin.log.tables import RunLog, read_run, write_meta

EPISODE_COUNT, CELLS = 100_000, 500
MOST_S, MOST_MB = 15.0, 5.0
CHECKS = (
    {"success_rate": {"min": 0.9, "confidence": 0.95}},
    {"never": "workspace_violation"},
    {"within": {"from": "stuck", "to": "recovered", "seconds": 100}},
    {"rate": {"of": "page", "max_per_h": 10, "confidence": 0.95}},
    {"quantile": {"of": "duration_s", "q": 0.9, "max": 20, "confidence": 0.95}},
)


class Story:
    """Events and episodes of one cell after another, as columns."""

    def __init__(self) -> None:
        self.events: list[tuple[float, str, str, int | None, str]] = []
        self.episodes: list[dict[str, Any]] = []

    def cell(self, name: str, count: int, stream: Stream) -> float:
        """`count` episodes of a cell; returns when the last one ended."""
        lasts = stream.gamma(30, 0.45, size=count)
        dice = stream.random((count, 4))
        t = 0.0
        for seconds, (good, stop, stuck, breaks) in zip(lasts.tolist(), dice.tolist(), strict=True):
            t = self._episode(name, t, seconds, good < 0.83, stop < 0.1)
            t = self._after(name, t, good < 0.83, stuck < 0.1, breaks < 0.003)
        return t

    def _episode(self, name: str, t: float, seconds: float, good: bool, stop: bool) -> float:
        number, symptoms = len(self.episodes) + 1, ["protective_stop"] if stop else []
        self.events.append((t, "episode.start", name, number, "{}"))
        if stop:
            self.events += [(t + 0.4 * seconds, "stop.protective", name, number, "{}")]
            self.events += [(t + 0.6 * seconds, "stop.cleared", name, number, "{}")]
        said = json.dumps({"end_reason": "done", "label": good, "symptoms": symptoms})
        self.events.append((t + seconds, "episode.end", name, number, said))
        self.episodes.append(
            blank_episode()
            | {
                "episode": number, "source": "sim", "schema": SCHEMA, "run": "bench", "fleet": "bench", "cell": name,
                "robot_model": "ur3" if number % 2 else "panda", "task": "pick_place", "start_s": t, "duration_s": seconds,
                "censored": False, "end_reason": "done", "label": good, "truth": good, "label_source": "detector",
                "symptoms": symptoms, "resets": 0 if good else 1, "reset_s": 0.0 if good else 6.0, "wait_s": 0.0,
                "interventions": 0, "peak_speed_mps": 0.8, "usable": True,
            }
        )  # fmt: skip
        return t + seconds

    def _after(self, name: str, t: float, good: bool, stuck: bool, breaks: bool) -> float:
        if not good:
            self.events += [
                (t, "reset.start", name, None, "{}"),
                (t + 6, "reset.failed" if stuck else "reset.done", name, None, "{}"),
            ]
            t += 6
            if stuck:
                self.events += [(t, kind, name, None, "{}") for kind in ("reset.stuck", "page.sent")]
                self.events += [(t + 30, kind, name, None, "{}") for kind in ("page.answered", "person.busy")]
                self.events += [(t + 60, kind, name, None, "{}") for kind in ("reset.done", "page.done", "person.free")]
                t += 60
        if breaks:
            self.events += [(t, "repair.start", name, None, "{}"), (t + 300, "repair.done", name, None, "{}")]
            t += 300
        return t + 0.5


def made(folder: Path, episodes: int = EPISODE_COUNT, cells: int = CELLS, seed: int = 1) -> RunLog:
    """A run folder with so many episodes, judged; returns it as it reads."""
    story, chance = Story(), Chance(seed)
    names = [f"c{i:03d}" for i in range(cells)]
    end = max(story.cell(name, episodes // cells, chance.stream(name, "story")) for name in names)
    told = sorted(story.events)
    columns: dict[str, list[Any]] = dict(
        zip(("t_s", "kind", "cell", "episode", "payload"), map(list, zip(*told, strict=True)), strict=True)
    )
    columns |= {"seq": list(range(len(told))), "v": [SCHEMA] * len(told), "known_s": columns["t_s"]}
    full = {name: columns.get(name, [None] * len(told)) for name in EVENTS.names}
    folder.mkdir(parents=True)
    pq.write_table(pa.table(full, schema=EVENTS), folder / "events.parquet")
    pq.write_table(pa.Table.from_pylist(story.episodes, schema=EPISODES), folder / "episodes.parquet")
    pq.write_table(RECEIPTS.empty_table(), folder / "faults.parquet")
    kinds, sites = ("ur3", "panda"), [f"bay {i}" for i in range(4)]
    meta: dict[str, Any] = {
        "scenario": "bench", "seed": seed, "sha256": "0" * 64, "hash": f"{seed:032x}", "tier": "physics", "engine": "mujoco",
        "sim_s": end, "reproduce": "", "versions": {}, "fleet": {"fleet": "bench"},
        "cells": [{"name": n, "site": sites[i % 4], "robot": n, "robot_model": kinds[i % 2]} for i, n in enumerate(names)],
    }  # fmt: skip
    write_meta(folder, meta)
    log = read_run(folder)
    results = evaluate([CheckSpec.model_validate(check) for check in CHECKS], log)
    write_meta(folder, meta | {"verdict": verdict(log, results).word, "checks": [r.as_dict() for r in results]})
    return read_run(folder)


def real(count: int = 10_000) -> pd.DataFrame:
    """A table like a real one."""
    stream = Chance(3).stream("real", "table")
    lasts, dice = stream.gamma(32, 0.45, size=count), stream.random((count, 2))
    rows = [
        blank_episode()
        | {"episode": i, "source": "real", "task": "pick_place", "robot_model": "ur3", "duration_s": t, "label": bool(g < 0.8),
           "symptoms": ["protective_stop"] if s < 0.12 else [], "censored": False, "resets": int(g >= 0.8), "reset_s": 5.0}
        for i, (t, (g, s)) in enumerate(zip(lasts.tolist(), dice.tolist(), strict=True))
    ]  # fmt: skip
    return frame(pa.Table.from_pylist(rows, schema=EPISODES))


def timed(folders: list[Path], table: pd.DataFrame, out: Path) -> dict[str, float]:
    """Seconds to read, to judge and to render, and the size of the page in MB."""
    begun = perf_counter()
    logs = [read_run(folder) for folder in folders]
    read = perf_counter()
    for log in logs:
        evaluate([CheckSpec.model_validate(check) for check in CHECKS], log)
    judged = perf_counter()
    page = render(logs, [table], out)
    done = perf_counter()
    return {
        "episodes": float(sum(len(log.episodes) for log in logs)),
        "read_s": read - begun,
        "judge_s": judged - read,
        "render_s": done - judged,
        "page_s": done - judged + read - begun,
        "page_mb": page.stat().st_size / 1e6,
    }


def measure() -> dict[str, dict[str, float]]:
    """One run of 500 cells, and ten runs of 50 cells."""
    table = real()
    with tempfile.TemporaryDirectory(prefix="twin-report-") as temp:
        top = Path(temp)
        made(top / "one")
        parts = [top / f"part{seed}" for seed in range(10)]
        for seed, part in enumerate(parts):
            made(part, EPISODE_COUNT // 10, CELLS // 10, seed)
        return {
            "one run, 500 cells": timed([top / "one"], table, top / "one.html"),
            "ten runs, 50 cells each": timed(parts, table, top / "ten.html"),
        }


def main(argv: list[str] | None = None) -> int:
    """Print the figures; status 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    found = measure()
    missed = [name for name, f in found.items() if f["page_s"] > MOST_S or f["page_mb"] > MOST_MB]
    if parser.parse_args(argv).json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{'report over':24} {'episodes':>9} {'read':>7} {'judge':>7} {'render':>7} {'page':>8}")
        for name, f in found.items():
            times = " ".join(f"{f[key]:6.1f}s" for key in ("read_s", "judge_s", "render_s"))
            print(f"{name:24} {np.int64(f['episodes']):9,} {times} {f['page_mb']:6.2f}MB")
        print(
            f"bound: {MOST_S:g} s to read and render, {MOST_MB:g} MB" + (f"; MISSED by {', '.join(missed)}" if missed else "")
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
