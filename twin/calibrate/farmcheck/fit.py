"""Entry of the part `farm`: does a farm with the fitted numbers do what the real one did?"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from twin.calibrate import overlay
from twin.calibrate.episodelog import Episodes
from twin.calibrate.farmcheck.adjust import Adjusted, adjust, put, uncertain
from twin.calibrate.farmcheck.perturb import drawn
from twin.calibrate.farmcheck.spec import FarmSpec
from twin.calibrate.farmcheck.summaries import cell_hours, recorded, shared, summarise
from twin.calibrate.given import Given
from twin.calibrate.result import Estimate, Figure, Finding, PartResult
from twin.core.errors import InputError, TwinError, nearest
from twin.core.records import Floats
from twin.judge.report import svg
from twin.judge.words import short
from twin.log.tables import read_run
from twin.scenario.load import load, remade
from twin.suite.code import surroundings
from twin.suite.plan import Unit
from twin.suite.pool import run_units

FEWEST = 19
"""Runs with which the outer 5 % on either side are a rank of their own: fewer make 90 % intervals narrower than they say."""
SHORT_H, TRIALS = 0.5, 2
"""Length and number of the runs that a number of the scenario is adjusted by."""


def fit(spec: FarmSpec, given: Given) -> PartResult:
    """Summaries of the log inside the predictive intervals of the calibrated twin. Raises `InputError` where it cannot run."""
    log, name = given.episodes(spec.log), given.name(spec)
    symptoms = shared(log.frame)
    real = summarise(log.frame, symptoms)
    cells = max(1, len(given.fleet.cells) if given.fleet else 1)
    hours = spec.hours or cell_hours(log.frame) / cells
    with tempfile.TemporaryDirectory(prefix="twin-farm-") as temp:
        farm = _Farm(spec, given, Path(temp), symptoms, log.sampled_s)
        adjusted = _adjusted(farm, 3600 * min(hours, SHORT_H))
        seeds = range(1, spec.seeds + 1)
        moved = [
            {one.path: one.draw(spec.adjust[one.path], given.stream(spec, one.path, k)) for one in adjusted} for k in seeds
        ]
        sims = farm.run(moved, 3600 * hours)
    used = {one.summary for one in adjusted if (spec.adjust[one.path].log or spec.log) == spec.log}
    rows = judge(real, sims, used, (log.sampled_s or 0.0) / 2)
    judged = [row for row in rows if not row["adjusted"]]
    outside = [row for row in judged if not row["inside"]]
    findings = [Finding("warning", _words(row, len(sims))) for row in outside]
    if not judged:
        raise InputError("nothing of the log can be held against the runs: they share no summary")
    told = f"{len(judged) - len(outside)} of {len(judged)} summaries of the log lie inside the 90 % predictive intervals"
    findings.insert(0, Finding("note", f"{told} of {len(sims)} runs ({spec.engine}, {hours:.3g} h each)"))
    findings += [
        Finding("note", f"{a.path}: {a.value:.4g} gives runs the log's {a.summary}; set it in the scenario") for a in adjusted
    ]
    figures = (picture(rows, len(sims)),) if rows else ()
    told_by = {one.path: given.episodes(spec.adjust[one.path].log or spec.log) for one in adjusted}
    estimates = tuple(_estimate(name, one, told_by[one.path], given.confidence) for one in adjusted)
    facts: dict[str, object] = {"summaries": rows, "runs": len(sims), "hours": hours}
    return PartResult("farm", name, estimates, (), tuple(findings), figures, facts)


def _estimate(name: str, one: Adjusted, log: Episodes, confidence: float) -> Estimate:
    z = float(ndtri(0.5 + confidence / 2))
    low, high = float(one.value * np.exp(-z * one.error)), float(one.value * np.exp(z * one.error))
    path = ("models", name, *one.path.split("."))
    return Estimate(path, one.value, low, high, len(log.frame), "", log.source, f"runs have the log's {one.summary}")


def _adjusted(farm: _Farm, seconds: float) -> list[Adjusted]:
    """The numbers of the scenario that are moved, one after the other."""
    out: list[Adjusted] = []
    for path, wanted in farm.spec.adjust.items():
        frame = farm.given.episodes(wanted.log or farm.spec.log).frame
        real = summarise(frame, farm.symptoms)
        if wanted.summary not in real:
            raise InputError(f"`adjust`: the log has no summary {wanted.summary!r}{nearest(wanted.summary, real)}")
        known = {one.path: one.value for one in out}

        def run(value: float, path: str = path, name: str = wanted.summary, known: dict[str, float] = known) -> float:
            told = farm.run([known | {path: value}] * TRIALS, seconds, drawing=False)
            return float(np.mean([sim[name] for sim in told]))

        error = uncertain(frame, wanted.summary, farm.symptoms, farm.given.stream(farm.spec, path))
        out.append(adjust(path, wanted, real[wanted.summary], error, run))
    return out


class _Farm:
    """The calibrated twin, run as often as asked."""

    def __init__(self, spec: FarmSpec, given: Given, temp: Path, symptoms: list[str], step_s: float | None) -> None:
        self.spec, self.given, self.temp, self.symptoms, self.step_s = spec, given, temp, symptoms, step_s
        self.data = overlay.as_data(given.results, overlay.Made("farm", ""))
        self.done = 0
        for name, value in spec.set.items():
            *above, last = name.split(".")
            holder: dict[str, Any] = self.data
            for step in above:
                holder = holder.setdefault(step, {})
            holder[last] = value

    def run(self, moved: Sequence[Mapping[str, float]], seconds: float, *, drawing: bool = True) -> list[dict[str, float]]:
        """Summaries of one run a seed, its scenario with the numbers `moved`, its fleet drawn from what is believed of it."""
        units = [self._unit(seed, values, seconds, drawing) for seed, values in enumerate(moved, start=1)]
        out = []
        for row in run_units(units, self.temp / "runs", workers=self.spec.workers, seen=self._seen).rows:
            if row.folder is None:
                raise InputError(f"the calibrated twin did not run: {'; '.join(row.reasons)}")
            try:
                seen = recorded(read_run(Path(row.folder)).episodes, self.step_s)
                out.append(summarise(seen, self.symptoms))
            except TwinError as error:
                raise InputError(f"a run of the calibrated twin cannot be read: {error}") from error
        return out

    def _unit(self, seed: int, values: Mapping[str, float], seconds: float, drawing: bool) -> Unit:
        spec, path = self.spec, self.temp / f"overlay-{seed}.yaml"
        overlay.write(self._drawn(seed) if drawing else self.data, path)
        scenario = load(self.given.folder / spec.scenario, seed=seed, duration_s=seconds, engine=spec.engine, overlay=path)
        if values:
            scenario = remade(scenario, put(scenario.spec.model_dump(mode="json", by_alias=True), values))
        return Unit(scenario, str(spec.scenario), surroundings(scenario))

    def _drawn(self, seed: int) -> Any:
        return drawn(self.data, self.given.stream(self.spec, "parameters", seed), self.given.confidence)

    def _seen(self, _: object) -> None:
        self.done += 1
        self.given.say(f"{self.given.name(self.spec)}: {self.done} runs")


def judge(
    real: Mapping[str, float], sims: Sequence[Mapping[str, float]], adjusted: Collection[str] = (), blur_s: float = 0.0
) -> list[dict[str, object]]:
    """Every summary that both sides tell: the log's value, quantiles 5, 50 and 95 % of the runs, and whether it lies inside.

    Quantiles are those of ranks (Weibull 1939): of 19 runs the least and the most. Inside: its rank among the runs is not one
    of the outer 5 % on either side; runs that have the same value are on neither.
    blur_s: two times that lie no further apart are the same (half a recorder's step).
    """
    rows: list[dict[str, object]] = []
    for name, value in real.items():
        values: Floats = np.array([sim[name] for sim in sims if name in sim])
        if values.size < FEWEST:
            continue
        low, mid, high = (float(v) for v in np.quantile(values, (0.05, 0.5, 0.95), method="weibull"))
        same = blur_s if name.endswith("(s)") else 0.0
        same = max(same, 1e-9 * abs(value))
        least, most = int((values <= value + same).sum()), int((values >= value - same).sum())
        outer = 0.05 * (values.size + 1) - 1e-9
        inside = least >= outer and most >= outer
        rows.append({"summary": name, "real": float(value), "low": low, "median": mid, "high": high, "inside": bool(inside),
                     "adjusted": name in adjusted})  # fmt: skip
    return rows


def _words(row: Mapping[str, object], n: int) -> str:
    value, low, high = (float(str(row[k])) for k in ("real", "low", "high"))
    return f"{row['summary']}: {value:.4g} in the log, {low:.4g} to {high:.4g} in {n} runs of the calibrated twin"


def picture(rows: Sequence[Mapping[str, object]], n: int) -> Figure:
    """Each summary on an axis of its own, as a multiple of the runs' median: interval of the runs (line), the log (square)."""
    left, top, pitch = 260.0, 30.0, 26.0
    x = svg.Scale(0.0, 2.0, left, 900.0)
    bottom = top + pitch * len(rows)
    body = [svg.line(x(t), top - 6, x(t), bottom, cls="axis" if t == 1 else "grid") for t in (0, 0.5, 1, 1.5, 2)]
    body += [svg.text(x(t), top - 12, f"{t:g} ×", cls="dim", anchor="middle") for t in (0, 0.5, 1, 1.5, 2)]
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * pitch
        real, low, mid, high = (float(str(row[k])) for k in ("real", "low", "median", "high"))
        scale = mid if mid else 1.0
        ends = [min(max(v / scale, 0.0), 2.0) for v in (low, high, real)]
        body.append(svg.text(left - 12, y + 4.5, str(row["summary"]), cls="lab", anchor="end"))
        body.append(svg.line(x(ends[0]), y, x(ends[1]), y, cls="whisk l1"))
        body.append(svg.rect(x(ends[2]) - 4.5, y - 4.5, 9, 9, cls="dot real"))
        mark = "  adjusted" if row["adjusted"] else "" if row["inside"] else "  outside"
        body.append(svg.text(914, y + 4.5, f"{short(real)} ({short(low)}–{short(high)}){mark}", cls="num"))
    caption = (
        f"The log (squares) against 90 % predictive intervals of {n} runs of the calibrated twin (lines), over their median."
    )
    return Figure(svg.figure(body, height=bottom + 10, alt=caption), caption)
