"""Do 90 % predictive intervals hold where shares and rates wander? On simulated logs, whose wandering is known.

Shares: after so many cycles the number among the next 40 that have something is forecast, from logs that are steady, wander,
jump or come in spells. Wanted: about nine of ten inside; the log score of the window beside a stationary bootstrap's.
Farms: a cell whose grip losses wander. Its log is calibrated, and its next cycles, as many again, are held against 19 runs with
what the overlay says: each with a level and a course of its own; beside it the same with the wandering left out.

    python -m benchmarks.wandering [shares|farms] [--logs N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from twin.calibrate import overlay
from twin.calibrate.farmcheck.fit import judge
from twin.calibrate.farmcheck.perturb import drawn
from twin.calibrate.farmcheck.summaries import summarise
from twin.calibrate.spec import load_plan
from twin.calibrate.stats.forecast import rolling
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance, Stream
from twin.core.records import Floats
from twin.faults.onset import Onset, Wanders
from twin.faults.wander import Course
from twin.log.episodes import episode_frame

HORIZON = 40


def _walks(sd: float) -> Callable[[Stream, int], Floats]:
    def walk(stream: Stream, n: int) -> Floats:
        return np.asarray(special.logit(0.3) + np.cumsum(sd * stream.standard_normal(n)))

    return walk


def _spells(stream: Stream, n: int) -> Floats:
    out = np.full(n, 0.7 * stream.standard_normal())
    for i in range(1, n):
        out[i] = 0.9 * out[i - 1] + 0.7 * np.sqrt(1 - 0.9**2) * stream.standard_normal()
    return np.asarray(out + special.logit(0.2))


KINDS: dict[str, Callable[[Stream, int], Floats]] = {
    "steady, 10 %": lambda stream, n: np.full(n, special.logit(0.1)),
    "steady, 30 %": lambda stream, n: np.full(n, special.logit(0.3)),
    "wanders by 0.03 a cycle": _walks(0.03),
    "wanders by 0.1": _walks(0.1),
    "wanders by 0.2": _walks(0.2),
    "jumps, one cycle in 100": lambda stream, n: (
        special.logit(0.2) + np.cumsum((stream.random(n) < 0.01) * stream.standard_normal(n))
    ),
    "in spells": _spells,
}
"""Log odds of each cycle (n,)."""


def shares(kind: str, cycles: int, logs: int) -> tuple[float, float, float]:
    """Share of windows inside, log score of a window, the bootstrap's; over so many logs of so many cycles and one window."""
    told = []
    for number in range(logs):
        stream = Chance(number).stream(kind, "log", cycles)
        had = (stream.random(cycles + HORIZON) < special.expit(KINDS[kind](stream, cycles + HORIZON))).astype(float)
        told.append(rolling({"it": had}, np.full(had.size, np.nan), stream, cycles, HORIZON)["it"])
    inside, ours, theirs = (np.array([getattr(t, k) for t in told], float) for k in ("inside", "window", "window_reference"))
    return float(inside.mean()), float(ours.mean()), float(theirs.mean())


CYCLE_S = 30.0
PLAN = """\
calibrate: wandering
logs: {before: {kind: episodes, path: before.parquet}}
parts: [{kind: reliability, log: before, of: [grip_loss]}]
"""


def _played(onset: Onset, cycles: int, stream: Stream) -> pd.DataFrame:
    """So many cycles of a cell, whose grip losses come as the onset says and wander as it says."""
    course = Course(onset, CYCLE_S * cycles, stream)
    had = [stream.random() < course.share(CYCLE_S * i) for i in range(cycles)]
    known = {"source": "real", "schema": 1, "cell": "c", "duration_s": 24.0, "censored": False}
    return episode_frame(known | {"episode": i + 1, "start_s": CYCLE_S * i, "symptoms": ["grip_loss"] if lost else []}
                         for i, lost in enumerate(had))  # fmt: skip


def farm(sd: float, cycles: int, number: int) -> dict[bool, list[bool]]:
    """Whether the summaries of as many cycles again lie inside 90 % of 19 runs, with the wandering and without it."""
    stream = Chance(number).stream("farm", f"{sd:g}", cycles)
    log = _played(Onset(per_episode=0.15, wanders=Wanders(per_sqrt_h=sd)), 2 * cycles, stream)
    with tempfile.TemporaryDirectory() as temp:
        log.iloc[:cycles].to_parquet(Path(temp) / "before.parquet")
        (Path(temp) / "plan.yaml").write_text(PLAN)
        fitted = calibrate(load_plan(Path(temp) / "plan.yaml")).results
    real, out = summarise(log.iloc[cycles:], ["grip_loss"]), {}
    told = overlay.as_data(fitted, overlay.Made("", ""))["faults"]["grip loss"]["onset"]
    for wanders in (True, False):
        way = told if wanders else {key: value for key, value in told.items() if key != "wanders"}
        onsets = [drawn(way, Chance(number).stream("run", "level", k)) for k in range(19)]
        runs = [
            _played(_onset(onset, wanders), cycles, Chance(number).stream("run", "course", k)) for k, onset in enumerate(onsets)
        ]
        rows = judge(real, [summarise(one, ["grip_loss"]) for one in runs])
        out[wanders] = [bool(row["inside"]) for row in rows if str(row["summary"]).startswith("grip loss")]
    return out


def _onset(told: dict[str, Any], wanders: bool) -> Onset:
    """An onset of the overlay as the fleet file has it."""
    courses = {key: law["value"] for key, law in told.get("wanders", {}).items()}
    return Onset.model_validate(
        {"per_episode": told["per_episode"]["value"], "wanders": courses if wanders and courses else None}
    )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("shares", "farms"))
    parser.add_argument("--logs", type=int, default=0, help="of each kind; default 200 shares, 100 farms")
    given = parser.parse_args()
    if given.what != "farms":
        print(f"{'inside 90 % intervals, log score of 40 cycles':48s} inside   ours  bootstrap")
        for kind in KINDS:
            for cycles in (40, 120, 240):
                inside, ours, theirs = shares(kind, cycles, given.logs or 200)
                print(f"  {kind:32s} {cycles:4d} cycles {inside:9.0%} {ours:7.2f} {theirs:7.2f}", flush=True)
    if given.what != "shares":
        print(f"{'summaries of the next cycles inside 90 % of runs':48s} with wandering   without")
        for sd in (0.0, 0.5, 1.0, 2.0):
            for cycles in (60, 120, 240):
                told = [farm(sd, cycles, number) for number in range(given.logs or 100)]
                both = [np.mean([inside for one in told for inside in one[wanders]]) for wanders in (True, False)]
                print(
                    f"  log odds by {sd:g} in an hour, {cycles:3d} cycles then {cycles:3d} {both[0]:14.0%} {both[1]:9.0%}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
