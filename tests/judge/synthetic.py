"""Logs made by hand for the judge's tests: small ones from a few lines, and one farm with every kind of trouble."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from twin.core.chance import Chance, Stream
from twin.core.records import EVENT_COLUMNS, RECEIPT_COLUMNS, SCHEMA, blank_episode
from twin.log.columns import EPISODES, EVENTS, RECEIPTS, frame, typed_row
from twin.log.tables import RunLog

Line = Mapping[str, Any]


def event(t_s: float, kind: str, cell: str | None = None, /, **more: Any) -> dict[str, Any]:
    """One event; `job`, `episode`, `robot` by name, everything else into its payload."""
    known = {k: more.pop(k) for k in ("job", "episode", "robot", "cause") if k in more}
    return {"t_s": t_s, "kind": kind, "cell": cell, "payload": json.dumps(more), **known}


def make_log(
    events: Iterable[Line] = (),
    episodes: Iterable[Line] = (),
    receipts: Iterable[Line] = (),
    *,
    cells: Sequence[str] = ("c1",),
    sim_s: float = 100.0,
    **meta: Any,
) -> RunLog:
    """A run folder's content in memory."""
    rows = [dict.fromkeys(EVENT_COLUMNS) | {"v": SCHEMA, "seq": i, "known_s": e["t_s"]} | dict(e) for i, e in enumerate(events)]
    told = [
        blank_episode() | {"episode": i + 1, "task": "pick_place", "cell": cells[0]} | dict(e) for i, e in enumerate(episodes)
    ]
    papers = [dict.fromkeys(RECEIPT_COLUMNS) | {"must_act": False} | dict(r) for r in receipts]
    command = "twin run scenarios/synthetic.yaml --seed 7"
    about = {
        "schema": SCHEMA, "scenario": "synthetic", "seed": 7, "sha256": "0" * 64, "hash": "ab" * 16, "tier": "physics",
        "engine": "mujoco", "sim_s": sim_s, "robot_s": sim_s * len(cells), "verdict": "pass", "checks": [],
        "cells": [_about_cell(name, i) for i, name in enumerate(cells)], "reproduce": command,
        "versions": {"python": "3.11.9", "numpy": "2.4.6", "mujoco": "4.0.0", "twin": "0.1.0"}, "fleet": {"fleet": "bay"},
        "cpu_features": ["AVX2"], "code": {}, "assets": {"robots/ur3.xml": "1" * 64}, "ticks": 1000, "voided_episodes": 0,
    }  # fmt: skip
    return RunLog(
        meta=about | meta,
        events=_frame(rows, EVENTS),
        episodes=_frame(told, EPISODES),
        receipts=_frame(papers, RECEIPTS),
        folder=Path("runs/synthetic-7-00000000"),
    )


def _about_cell(name: str, index: int) -> dict[str, Any]:
    model = "ur3" if index % 2 == 0 else "panda"
    return {"name": name, "site": "bay", "robot": f"{name}-r1", "robot_model": model, "tasks": ["pick_place"]}


def _frame(rows: Sequence[Line], schema: Any) -> pd.DataFrame:
    return frame(pa.Table.from_pylist([typed_row(row, schema) for row in rows], schema=schema))


class _Story:
    """A farm told event by event, cell by cell."""

    def __init__(self, seed: int, names: Sequence[str], sim_s: float) -> None:
        self.chance, self.names, self.sim_s = Chance(seed), list(names), sim_s
        self.events: list[dict[str, Any]] = []
        self.episodes: list[dict[str, Any]] = []

    def say(self, t: float, kind: str, cell: str | None, /, **more: Any) -> None:
        if t <= self.sim_s:
            self.events.append(event(round(t, 6), kind, cell, **more))

    def cell(self, index: int) -> None:
        """One cell from start to end."""
        name, stream, t = self.names[index], self.chance.stream(self.names[index], "story"), 0.0
        while t < self.sim_s:
            number = len(self.episodes) + 1
            t = self.one(name, index, number, t, stream)
            if stream.random() < 0.01:
                self.say(t, "authority.withdrawn", name, reason="resting")
                t += 40.0
                self.say(t, "authority.offered", name)
            if stream.random() < 0.02:
                t = self.breaks(t, name, stream)

    def one(self, name: str, index: int, number: int, t: float, stream: Stream) -> float:
        """One episode and what follows it; returns when the cell is free again."""
        job = f"j{number}"
        self.say(max(0.0, t - 1.0), "job.arrived", None, job=job)
        self.say(t, "job.assigned", name, job=job)
        self.say(t, "episode.start", name, job=job, episode=number)
        label, stop, grip = stream.random() < 0.83, stream.random() < 0.12, stream.random() < 0.15
        lasts = float(stream.gamma(30, 0.45)) + (9.0 if stop else 0.0)
        end = t + lasts
        symptoms = [s for s, there in (("protective_stop", stop), ("grip_loss", grip)) if there]
        if stop:
            self.say(t + 0.4 * lasts, "stop.protective", name, episode=number, reason="collision")
            self.say(t + 0.4 * lasts + 5, "stop.cleared", name, episode=number)
        if grip:
            self.say(t + 0.6 * lasts, "symptom.grip_loss", name, episode=number)
        censored = end > self.sim_s
        self.say(end, "episode.end", name, job=job, episode=number, end_reason="done", label=label, symptoms=symptoms)
        self.episodes.append(
            {
                "episode": number, "source": "sim", "schema": SCHEMA, "run": "synthetic", "fleet": "bay", "site": "bay",
                "cell": name, "robots": [f"{name}-r1"], "robot_model": "ur3" if index % 2 == 0 else "panda",
                "mode": "policy", "job": job,
                "start_s": t, "duration_s": None if censored else lasts, "censored": censored,
                "end_reason": None if censored else "done", "truth": None if censored else label,
                "label": None if censored else label, "label_source": "detector", "symptoms": symptoms, "injected": [],
                "peak_speed_mps": 0.8, "usable": not censored, "filtered_ticks": 0,
            }
        )  # fmt: skip
        return end + 0.5 if label else self.resets(end, name, stream)

    def resets(self, t: float, name: str, stream: Stream) -> float:
        """Up to three attempts, then a person."""
        for _ in range(3):
            self.say(t, "reset.start", name, kind="automatic")
            t += 6.0
            if stream.random() < 0.55:
                self.say(t, "reset.done", name, kind="automatic")
                return t
            self.say(t, "reset.failed", name, kind="automatic")
        self.say(t, "reset.stuck", name)
        self.say(t, "page.sent", name, pool="operators")
        return self.person(t, name, stream, "reset.done")

    def person(self, t: float, name: str, stream: Stream, ends: str) -> float:
        t += float(stream.exponential(30))
        self.say(t, "page.answered", name, pool="operators")
        self.say(t, "person.busy", name, pool="operators")
        t += float(stream.exponential(25))
        for kind in (ends, "page.done", "person.free"):
            self.say(t, kind, name, pool="operators")
        return t

    def breaks(self, t: float, name: str, stream: Stream) -> float:
        self.say(t, "authority.withdrawn", name, reason="broken")
        self.say(t, "repair.start", name, robot=f"{name}-r1")
        return self.person(t + 30.0, name, stream, "repair.done")


def farm(*, cells: int = 12, sim_s: float = 600.0, seed: int = 7, **meta: Any) -> RunLog:
    """A farm with successes, failures, stops, grip losses, resets, pages, breakages, rests, and receipts of every status."""
    story = _Story(seed, [f"c{i + 1:02d}" for i in range(cells)], sim_s)
    for index in range(cells):
        story.cell(index)
    events = sorted(story.events, key=lambda e: e["t_s"])
    return make_log(events, story.episodes, PAPERS, cells=story.names, sim_s=sim_s, **meta)


PAPERS = (
    {"fault": "encoder-1", "component": "sensor", "mode": "stuck", "target": "c01", "onset_s": 120.0, "cleared_s": 180.0,
     "status": "acted", "effect": 0.31, "unit": "rad", "exposed_s": 52.0, "must_act": True, "note": ""},
    {"fault": "weak-elbow", "component": "actuator", "mode": "weak", "target": "c02", "onset_s": 60.0, "cleared_s": None,
     "status": "acted", "effect": 0.4, "unit": "ratio", "exposed_s": 402.0, "must_act": False, "note": ""},
    {"fault": "slow-link", "component": "link", "mode": "latency", "target": "c03", "onset_s": 300.0, "cleared_s": 330.0,
     "status": "masked", "effect": None, "unit": "ms", "exposed_s": 0.0, "must_act": False, "note": "no message passed"},
    {"fault": "late", "component": "joint", "mode": "breaks", "target": "c04", "onset_s": None, "cleared_s": None,
     "status": "not_due", "effect": None, "unit": "h", "exposed_s": None, "must_act": False, "note": "due after the end"},
)  # fmt: skip


def real_table(*, n: int = 240, seed: int = 3) -> pd.DataFrame:
    """A table like a real log: durations and symptoms, no labels, no truth, one cycle over a hole."""
    stream = Chance(seed).stream("real", "table")
    rows = []
    for i in range(n):
        stop, grip = stream.random() < 0.32, stream.random() < 0.21
        symptoms = [s for s, there in (("protective_stop", stop), ("grip_loss", grip)) if there]
        lasts = None if i == 100 else float(stream.gamma(60, 0.4)) + (12.0 if stop else 0.0)
        rows.append(blank_episode() | {"episode": i + 1, "source": "real", "fleet": "bench", "robot_model": "ur3",
                                       "task": "pick_place", "duration_s": lasts, "symptoms": symptoms})  # fmt: skip
    return _frame(rows, EPISODES)
