"""Several runs on one page: which belong together, what they came to, and what they say taken together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twin.core.chance import Chance
from twin.core.errors import InputError
from twin.judge import facts, words
from twin.judge.engines import SPELT
from twin.judge.facts import Facts
from twin.judge.report import charts
from twin.judge.stats import NOTHING, Interval, ratio
from twin.judge.tally import tally as counted
from twin.judge.verdict import WORST
from twin.log.stored import whole
from twin.log.tables import RunLog

USUAL = "mujoco"
"""The engine that is not named beside a run."""
FULL = 12
"""Runs that are told in full; of more, those that passed are only in the table."""
DRAWN = 40


@dataclass(frozen=True)
class Run:
    """One run of the page: its log, its facts, its verdict, and what its anchors begin with."""

    log: RunLog
    known: Facts
    judged: Mapping[str, Any]
    prefix: str

    @property
    def name(self) -> str:
        """Scenario, engine where it is not the usual one, and seed."""
        engine = str(self.log.meta.get("engine") or USUAL)
        named = scenario_of(self.log) if engine == USUAL else _on(scenario_of(self.log), engine)
        return f"{named}, seed {words.plain(self.log.meta.get('seed'))}"


@dataclass(frozen=True)
class Pool:
    """Runs of one scenario that differ in their seed only, in the order of their seeds."""

    name: str
    runs: tuple[Run, ...]

    @property
    def episodes(self) -> pd.DataFrame:
        """The episode tables of all runs, one after the other."""
        tables = [whole(run.log.episodes) for run in self.runs]
        return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def scenario_of(log: RunLog) -> str:
    """What a run is a run of."""
    return str(log.meta.get("scenario") or log.folder.name)


def pooled(runs: Sequence[Run]) -> list[Pool]:
    """Runs by scenario and its digest. Raises `InputError` where one seed of a scenario is given twice."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((scenario_of(run.log), str(run.log.meta.get("sha256"))), []).append(run)
    out = []
    alike: dict[str, list[str]] = {}
    for (name, _), members in groups.items():
        alike.setdefault(name, []).append(str(members[0].log.meta.get("engine")))
    for (name, digest), members in groups.items():
        seeds = [run.log.meta.get("seed") for run in members]
        if twice := [s for s in seeds if seeds.count(s) > 1]:
            raise InputError(f"scenario {name}, seed {twice[0]} is given twice: each run stands on a page once")
        members.sort(key=lambda run: int(run.log.meta.get("seed") or 0))
        kin, engine = alike[name], str(members[0].log.meta.get("engine"))
        apart = _on(name, engine) if kin.count(engine) == 1 else f"{name} ({digest[:8]})"
        out.append(Pool(name if len(kin) == 1 else apart, tuple(members)))
    return out


def _on(name: str, engine: str) -> str:
    return f"{name} on {SPELT.get(engine, engine)}"


def in_full(runs: Sequence[Run]) -> list[Run]:
    """The runs that are told in full, in their order: all where there are few, else those that did not pass before those that
    did."""
    worst = sorted(runs, key=lambda run: WORST.index(run.judged["verdict"]) if run.judged["verdict"] in WORST else -1)
    chosen = [id(run) for run in worst[:FULL]]
    return [run for run in runs if id(run) in chosen]


def overview(runs: Sequence[Run], told: Sequence[Run]) -> list[dict[str, Any]]:
    """A row a run."""
    full = [id(run) for run in told]
    return [_row(run, id(run) in full) for run in runs]


def _row(run: Run, linked: bool) -> dict[str, Any]:
    lost = run.known.books.lost_us()
    cause = next(iter(lost.items()), None)
    open_ = [(i, c) for i, c in enumerate(run.judged["checks"], start=1) if c.passed is not True]
    return {
        "run": run,
        "linked": linked,
        "known": run.known,
        "open": open_,
        "reasons": run.judged["reasons"] if not open_ and run.judged["verdict"] != "pass" else (),
        "lost": sum(lost.values()),
        "cause": "" if cause is None else f"{facts.cause_words(cause[0])}",
    }


def tally(runs: Sequence[Run]) -> dict[str, int]:
    """How many runs came to which verdict, the worst first."""
    verdicts = [run.judged["verdict"] for run in runs]
    return {word: verdicts.count(word) for word in dict.fromkeys((*WORST, *verdicts)) if word in verdicts}


def together(pool: Pool) -> dict[str, Any]:
    """What runs of one scenario say together; the run is the unit, for episodes of one run share its faults."""
    shares = [_labelled(run.log) for run in pool.runs]
    good, all_ = (np.array([s[i] for s in shares], float) for i in (0, 1))
    stream = Chance(0).stream("judge", "pooled success")
    success = ratio(good, all_, stream=stream)
    hours = np.array([run.known.books.total_us / 3.6e9 for run in pool.runs])
    usable = np.array([float(run.known.usable or 0) for run in pool.runs])
    known = all(run.known.usable is not None for run in pool.runs)
    per_hour = ratio(usable, hours, stream=Chance(0).stream("judge", "pooled usable")) if known else NOTHING
    return {
        "name": pool.name,
        "n": len(pool.runs),
        "episodes": sum(run.known.episodes for run in pool.runs),
        "success": success,
        "per_hour": per_hour,
        "checks": _checks(pool),
        "forest": _forest(pool, success) if success.value is not None else "",
        "hidden": max(0, len(pool.runs) - DRAWN),
    }


def _labelled(log: RunLog) -> tuple[int, int]:
    told = counted(log.episodes, ("label", "end_reason")).without(end_reason="void", label=None)
    return told.of(label=True), told.total


def _checks(pool: Pool) -> list[dict[str, Any]]:
    """Each check of the scenario over its runs: how many held, failed, were left open, and the range of what was found."""
    found: dict[tuple[str, str], list[Any]] = {}
    for run in pool.runs:
        for check in run.judged["checks"]:
            found.setdefault((check.name, check.bound), []).append(check)
    rows = []
    for (name, bound), results in found.items():
        values = [c.value for c in results if c.value is not None]
        counts = {word: sum(c.passed is answer for c in results) for word, answer in ANSWERS.items()}
        row = {"name": name, "bound": bound, "unit": results[0].unit, "counts": counts}
        rows.append(row | {"low": min(values, default=None), "high": max(values, default=None)})
    return rows


ANSWERS: Mapping[str, bool | None] = {"holds": True, "fails": False, "undecided": None}


def _forest(pool: Pool, success: Interval) -> str:
    rows = [charts.Dot("all runs", success, _told(success, "runs"), 0)]
    for run in pool.runs[:DRAWN]:
        seed, own = words.plain(run.log.meta.get("seed")), run.known.success
        rows.append(charts.Dot(f"seed {seed}", own, _told(own, "n"), 2))
    alt = f"Success of {pool.name} run by run, with 95 % intervals: " + "; ".join(f"{r.name} {r.words}" for r in rows)
    return charts.forest(rows, alt=alt)


def _told(interval: Interval, unit: str) -> str:
    n = f"{words.count(interval.n)} runs" if unit == "runs" else f"n {words.count(interval.n)}"
    return f"{words.pct(interval.value)}   {words.between(interval, '%')}   {n}"
