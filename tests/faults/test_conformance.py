"""Every mode that acts in a lane, on every arm and world: it has an effect of the right size, clears exactly, goes on from a
snapshot as it would have, and no other cell feels it. One farm holds all of them, a cell each, and two cells without."""

from __future__ import annotations

from functools import partialmethod
from importlib.util import find_spec

import numpy as np
import pytest

from tests.farm.scenes import begun, opened, scene
from tests.faults.modes import CASES, plan
from twin.build import build, strategies
from twin.core.clock import to_us
from twin.faults.catalogue import FAULTS, names
from twin.faults.messages import NEVER
from twin.scenario.arms import arms
from twin.snapshot import freeze, thaw
from twin.world.engines import CANNOT
from twin.world.kinematic import KinematicWorld

CELLS = [f"c{k:02d}" for k in range(len(CASES))]
QUIET = ["a-quiet", "z-quiet"]
ON_S, FOR_S, END_S = 1.0, 15.0, 17.0
LANE_PORTS = ("sense", "command", "actuator", "world", "link")


def made(folder, arm, engine, faulty=True, cases=CASES):
    """The scenario of one arm and world; without faults only the quiet cells work."""
    every = [QUIET[0], *CELLS[: len(cases)], QUIET[1]]
    (folder / "trace.csv").write_text("20\n60\n200\n")
    changes = {
        "robots": {"arm": {"model": arm, "gripper": "g", "control_ms": 200}},
        "cells": [{"name": name, "robots": [{"robot": "arm"}], "link": "wifi", "compute": name} for name in every],
        "links": {"wifi": {"latency_ms": 20}},
        "compute": {name: {"inference_ms": 30, "timeout_ms": 400} for name in every},
        "jobs": [{"kind": "list", "jobs": [{"job": n, "on": n, "episodes": 99} for n in (every if faulty else QUIET)]}],
        "workcells": {"table": {"physics_step_ms": 4}},
        "filters": [{"kind": "joint_limits"}],
        "faults": [plan(case, cell, ON_S, FOR_S) for case, cell in zip(cases, CELLS, strict=False)] if faulty else [],
    }
    return opened(folder, scene(**changes, episode_timeout_s=30, duration_s=60), engine=engine)


def watched(scenario):
    """A farm that ran, and the states of its quiet cells at every tick."""
    farm, kept = begun(scenario, -1), []
    world, rows = farm.lanes[0].world, [farm.cells[name].row for name in QUIET]
    step = world.step

    def taking(stepped, *rest):
        step(stepped, *rest)
        kept.append((farm.clock.now_us, world.state(np.array(rows, np.int32)).tobytes()))

    world.step = taking
    while farm.step(to_us(END_S)):
        pass
    return farm, kept


BULLET = pytest.param(("ur3", "pybullet"), marks=pytest.mark.skipif(find_spec("pybullet") is None, reason="needs PyBullet"))
EACH = [*((arm, engine) for arm in arms() for engine in ("kinematic", "mujoco")), BULLET]


def able(engine):
    """The cases to try on an engine; on PyBullet, where a cell is a client, those that reach it. It cannot realise two: a farm
    with them is refused (tests/world/test_pybullet.py)."""
    if engine != "pybullet":
        return CASES
    kinds = {(names(kind)[0], mode): kind for kind in FAULTS for mode in names(kind)[1]}
    reach = [(case, kinds[case.component, case.mode]) for case in CASES]
    return [c for c, k in reach if k.PORT in ("actuator", "world") and getattr(k, "FIELD", None) not in CANNOT[engine]]


@pytest.fixture(scope="module", params=EACH, ids="-".join)
def run(request, tmp_path_factory):
    """A scenario, the farm that it became, and what its quiet cells did."""
    scenario = made(tmp_path_factory.mktemp("all"), *request.param, cases=able(request.param[1]))
    return scenario, *watched(scenario)


def test_every_mode_of_a_lane_has_a_case_here():
    known = [names(kind) for kind in FAULTS if kind.PORT in LANE_PORTS]
    elsewhere = {("safety", "brake_slip")}  # only in a stop, and only with forces: test_brakes.py
    assert {(component, modes[0]) for component, modes in known} - elsewhere == {(case.component, case.mode) for case in CASES}


def test_every_mode_acts_with_an_effect_of_the_right_size_on_every_arm_and_world(run):
    scenario, farm, _ = run
    wrong = []
    for case, row in zip(able(scenario.engine), farm.trouble.receipts(), strict=True):
        right = row["status"] == "acted" and case.low * (1 - 1e-9) <= row["effect"] <= case.high * (1 + 1e-9)
        exposed = 0 < row["exposed_s"] <= FOR_S + 0.4 and (row["onset_s"], row["cleared_s"]) == (ON_S, ON_S + FOR_S)
        if not (right and exposed):
            wrong.append((case, row["status"], row["effect"], row["exposed_s"]))
    assert wrong == []


def test_every_mode_clears_exactly(run):
    scenario, farm, _ = run
    lane, fresh = farm.lanes[0], build(scenario, "run", 1).lanes[0]
    rows = np.arange(lane.world.n, dtype=np.int32)
    assert lane.faults.idle() and lane.world.fields_digest(rows) == fresh.world.fields_digest(rows)


def test_no_other_cell_feels_any_of_them(run, tmp_path):
    scenario, _, ticks = run
    arm = scenario.spec.fleet.robots["arm"].model
    _, kept = watched(made(tmp_path, arm, scenario.engine, faulty=False))
    ticks = dict(ticks)
    assert len(kept) > 60 and all(ticks[now_us] == state for now_us, state in kept)


def test_all_of_them_go_on_from_a_snapshot_as_they_would_have(run):
    scenario, farm, _ = run
    if scenario.engine != "kinematic":
        return  # a world's own snapshot is its own tests' matter
    other = thaw(build(scenario, "run", 1), freeze(begun(scenario, 10)), strategies(scenario))
    while other.step(to_us(END_S)):
        pass
    assert farm.book.chain.digest == other.book.chain.digest and farm.trouble.receipts() == other.trouble.receipts()


SURE = {
    "intermittent": {"every_s": 0.3},
    "loss": {"loss": 1.0},
    "burst_loss": {"good_to_bad": 1.0, "bad_to_good": 1e-6},
    "duplicate": {"share": 1.0},
}
"""What makes an effect all but certain in 15 s; of `reorder` it never is, see test_link.py."""


def passing(fault, alter, now, signal, memory):
    """Do what there is to do, and let all pass."""
    alter(fault, now, signal, memory)
    return signal


def test_ports_that_do_nothing_are_found_out_whatever_the_mode(tmp_path, monkeypatch):
    for kind in FAULTS:
        if kind.PORT == "link":
            monkeypatch.setattr(kind, "carry", lambda fault, message, memory: message.arrives_us)
            monkeypatch.setattr(kind, "copies", lambda fault, message: np.full(len(message.exchange), NEVER))
        elif kind.PORT in ("sense", "command", "actuator"):
            monkeypatch.setattr(kind, "alter", partialmethod(passing, kind.alter))
    monkeypatch.setattr(KinematicWorld, "set_field", lambda *_: None)
    monkeypatch.setattr(KinematicWorld, "shift", lambda *_: None)
    sure = [case._replace(more=case.more | SURE.get(case.mode, {})) for case in CASES if case.mode != "reorder"]
    farm, _ = watched(made(tmp_path, "ur3", "kinematic", cases=sure))
    wrong = [(case, row["status"]) for case, row in zip(sure, farm.trouble.receipts(), strict=True) if row["status"] != "inert"]
    assert wrong == []
