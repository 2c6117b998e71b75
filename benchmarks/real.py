"""What calibration makes of real measurements: ours beside the figures to be reached, published ones and plain baselines.

    python -m benchmarks.real [NAME …]    # `make bench-real`; NAME: a plan, or coverage

Every plan in calibrations/ holds out a part of its data; each figure here is about that part. The last line is one JSON value.
A plan whose data are not at hand (TWIN_REAL_DATA) is left out and null in the JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import words
from benchmarks.recovery import pooled, recover
from twin.calibrate.result import PartResult, Score
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.errors import InputError

PLANS = Path(__file__).resolve().parents[1] / "calibrations"
SCENARIOS = PLANS.parent / "scenarios"
ONLY = {"ur3_cobotops": ("reliability", "episodes")}
"""Parts of a plan that make its figures, where not all do."""


class Row(NamedTuple):
    """One line of the table."""

    what: str
    ours: float
    wanted: str
    beside: str


WORDS = {"mixed": "mixture", "frozen": "regimes, law frozen", "kept": "regimes, law kept"}
"""Forecasts of delays some messages ahead."""
WANTED = ("1 ahead, mixture", "1 ahead, regimes, law frozen: better than the first half")
Told = tuple[list[Row], dict[str, Any]]


def _panda(results: tuple[PartResult, ...]) -> Told:
    facts = results[0].facts
    error, rmse = float(facts["relative_error"]), [float(v) for v in facts["rmse_Nm"]]  # type: ignore[arg-type, attr-defined]
    targets = (0.16, 0.20, 0.16, 0.15, 0.06, 0.05, 0.05)
    rows = [Row("panda: relative error, second half", error, "≤ 0.013", "published 0.0141 on the whole run")]
    rows += [
        Row(f"panda: RMSE of joint {i}, Nm", v, f"≤ {t}", "") for i, (v, t) in enumerate(zip(rmse, targets, strict=True), 1)
    ]
    return rows, {"panda": {"relative_error": error, "rmse_Nm": rmse}}


def _double_pendulum(results: tuple[PartResult, ...]) -> Told:
    nrmse = [float(v) for v in results[0].facts["nrmse"]]  # type: ignore[attr-defined]
    wanted, published = (0.448, 0.369), (0.426, 0.329)
    rows = [Row(f"double_pendulum: NRMSE of joint {i}, last third of runs", v, f"≤ {w}", f"published {p}")
            for i, (v, w, p) in enumerate(zip(nrmse, wanted, published, strict=True), 1)]  # fmt: skip
    return rows, {"double_pendulum": {"nrmse": nrmse}}


def _xl330(results: tuple[PartResult, ...]) -> Told:
    score = results[0].scores[0]
    row = Row("xl330: position MAE at gain 200 in MuJoCo, mrad", score.ours, "≤ 59, stretch 45",
              "published over all runs 74.1, in MuJoCo 82.5")  # fmt: skip
    told, delays = _delays(results[1:])
    return [row, *told], {"xl330": {"mae_mrad": score.ours} | delays}


def _delays(results: tuple[PartResult, ...]) -> Told:
    """Command to motion, with intervals; whether delay and servo foretell the runs that were held out."""
    known = [e for result in results for e in result.estimates if e.identified]
    rows = [Row(f"{e.name}", float(str(e.value)), "", f"interval {e.low:.4g} to {e.high:.4g} {e.unit}, n {e.n}") for e in known]
    scores = [score for result in results for score in result.scores]
    rows += [Row(f"held out: {score.name}", score.ours, "more than" if score.more_is_better else "less than",
                 f"{score.reference_name} {score.reference:.3g}") for score in scores]  # fmt: skip
    return rows, {"delay_ms": [float(str(e.value)) for e in known if e.path[-1] == "command_delay_ms"]}


def _lerobot_g1(results: tuple[PartResult, ...]) -> Told:
    rows, told = _delays(results)
    return rows, {"lerobot_g1": told}


def _robot_rtt(results: tuple[PartResult, ...]) -> Told:
    rows, won = [], {"one_ahead": 0, "whole_half": 0}
    for result in results:
        for key, score in zip(won, result.scores[:2], strict=True):
            assert score.reference is not None
            won[key] += bool(score.better)
            how = "one message ahead" if key == "one_ahead" else "one forecast for the half"
            rows.append(Row(f"{result.name}: pinball loss, {how}", score.ours / score.reference, "< 1", "1 is resampling"))
    moving = next(result.facts for result in results if result.name == "rtt036")
    p99, p999 = (float(v) for v in moving["forecast_ms"][2:])  # type: ignore[index]
    rows += [Row("rtt036: p99 of the second half, ms", p99, "53.8 ± 25 %", "resampling 64.3, a lognormal 20"),
             Row("rtt036: p99.9 of the second half, ms", p999, "2004 ± 25 %", "resampling 2013")]  # fmt: skip
    rows += [Row("robot_rtt: traces won, one message ahead", won["one_ahead"], "≥ 8 of 10", ""),
             Row("robot_rtt: traces won, one forecast for the half", won["whole_half"], "≥ 8 of 10", "")]  # fmt: skip
    further = _horizons(results)
    rows += [Row(f"robot_rtt, {key}", n, "≥ 8 of 10" if key.startswith(WANTED) else "", f"of {of} traces")
             for key, (n, of) in further.items()]  # fmt: skip
    standing = next(result for result in results if result.name == "rtt035")
    refused = sum(f.level == "refused" and "not stationary" in f.text for f in standing.findings)
    rows.append(Row("rtt035: refused as one distribution", refused, "1", "p99 70, then 43 ms"))
    return rows, {"wifi_036": {"p99_ms": p99, "p999_ms": p999}, "robot_rtt": won | {"ahead": further}}


def _horizons(results: tuple[PartResult, ...]) -> dict[str, tuple[int, int]]:
    """By horizon and forecast: on how many traces it loses less than the first half, all so far or the latest resampled."""
    won: dict[str, tuple[int, int]] = {}
    for row in (row for result in results for row in result.facts["horizons"]):  # type: ignore[attr-defined]
        for ours in WORDS:
            for name, reference in {"the first half": 1.0, "all so far": row["so_far"], "the last 300": row["latest"]}.items():
                key = f"{row['ahead']} ahead, {WORDS[ours]}: better than {name}"
                n, of = won.get(key, (0, 0))
                won[key] = (n + (row[ours] < reference), of + 1)
    return won


def _ur3_cobotops(results: tuple[PartResult, ...]) -> Told:
    told = {result.name: result.facts.get("figures") for result in results if result.facts.get("figures")}
    return [_scored(score) for result in results for score in result.scores], {"ur3_cobotops": told}


def _scored(score: Score) -> Row:
    """A score of a part; one without a reference says what is wanted in its place."""
    if score.reference is None:
        return Row(f"ur3_cobotops: {score.name}", score.ours, score.reference_name.removeprefix("wanted: "), "")
    return Row(f"ur3_cobotops: {score.name}", score.ours, "more", f"{score.reference_name} {score.reference:.5g}")


FIGURES: Mapping[str, Callable[[tuple[PartResult, ...]], Told]] = {
    "panda": _panda,
    "double_pendulum": _double_pendulum,
    "xl330": _xl330,
    "lerobot_g1": _lerobot_g1,
    "robot_rtt": _robot_rtt,
    "ur3_cobotops": _ur3_cobotops,
}


def main(names: list[str]) -> None:
    """Run the plans and what else is named, print the table, end with the JSON line."""
    out: dict[str, Any] = dict.fromkeys(("panda", "double_pendulum", "xl330", "wifi_036", "ur3_cobotops", "coverage"))
    for name, read in FIGURES.items():
        plan = PLANS / f"{name}.yaml" if name != "ur3_cobotops" else SCENARIOS / name / "calibrate.yaml"
        if name not in names or not plan.is_file():
            continue
        began = time.perf_counter()
        try:
            rows, told = read(calibrate(load_plan(plan), ONLY.get(name, ())).results)
        except InputError as error:
            print(f"{name}: left out: {error}")
            continue
        out |= told
        for row in rows:
            print(f"{row.what:62s} {row.ours:10.5g}   wanted {row.wanted:26s} {row.beside}".rstrip())
        print(f"{name}: {time.perf_counter() - began:.0f} s\n")
    if "coverage" in names:
        known = pooled(recover(seed) for seed in range(1, 21))
        out["coverage"] = known["coverage"]
        covered = f"coverage of 90 % intervals, 20 farms with {known['n']} hidden parameters"
        print(f"{covered:62s} {known['coverage']:10.4g}   wanted 0.85 to 0.95")
    print(json.dumps(out))


if __name__ == "__main__":
    main(words(__doc__, (*FIGURES, "coverage"), (*FIGURES, "coverage")))
