"""Receipts over whole runs: every fault acts or says why not, a broken port is found out, and only its cell feels it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.farm.scenes import begun, cells, jobs, opened, play, scene
from twin.faults.catalogue import CATALOGUE
from twin.world.kinematic import KinematicWorld

NAMES = ("a", "b", "c")
BASE = {
    "cells": cells(*NAMES, link="wifi", compute="gpu"),
    "links": {"wifi": {"latency_ms": 20}},
    "compute": {"gpu": {"inference_ms": 30}},
    "jobs": jobs(*({"on": name, "episodes": 99} for name in NAMES)),
    "episode_timeout_s": 30,
    "filters": [{"kind": "joint_limits"}],
    "duration_s": 40,
}


def spell(component, mode, target="b", at_s=1, **more):
    """A fault that comes at `at_s` and lasts 25 s."""
    return {"component": component, "mode": mode, "target": target, "onset": {"at_s": at_s}, "duration_s": 25} | more


FAULTS = {
    "stuck": spell("sensor", "stuck", joint=0),
    "weak": spell("actuator", "weak", joint=1, torque=0.25),
    "slips": spell("gripper", "slips"),
    "latency": spell("link", "latency", added_ms=70),
    "loss": spell("link", "loss", loss=0.9),
}
SIZES = {"stuck": (0.1, 3.0), "weak": (0.75, 0.75), "slips": (0.4, 0.4), "latency": (70, 70), "loss": (20, 2000)}


def disabled(monkeypatch, mode):
    """The port of a mode does nothing any more."""
    if mode == "weak":
        monkeypatch.setattr(KinematicWorld, "set_field", lambda *_: None)
        return
    kind = next(kind for (_, name), kind in CATALOGUE.items() if name == mode)
    if kind.PORT == "link":
        monkeypatch.setattr(kind, "carry", lambda fault, message, memory: message.arrives_us)
    else:
        monkeypatch.setattr(kind, "alter", lambda fault, now, signal, memory: signal)


def receipt(tmp_path, fault, **changes):
    (row,) = play(tmp_path, **BASE | changes, faults=[fault]).farm.trouble.receipts()
    return row


@pytest.mark.parametrize("mode", FAULTS)
def test_every_fault_acts_with_an_effect_of_the_right_size(tmp_path, mode):
    row = receipt(tmp_path, FAULTS[mode])
    low, high = SIZES[mode]
    assert row["status"] == "acted" and low * (1 - 1e-9) <= row["effect"] <= high * (1 + 1e-9)
    assert (row["onset_s"], row["cleared_s"], row["target"]) == (1.0, 26.0, "b") and 0 < row["exposed_s"] <= 25.2


@pytest.mark.parametrize("mode", FAULTS)
def test_a_port_that_does_nothing_makes_its_fault_inert(tmp_path, monkeypatch, mode):
    disabled(monkeypatch, mode)
    row = receipt(tmp_path, FAULTS[mode])
    assert (row["status"], row["effect"]) == ("inert", 0.0)


@pytest.mark.parametrize("mode", FAULTS)
def test_a_fault_on_a_cell_that_never_works_is_masked(tmp_path, mode):
    idle = jobs({"on": "a", "episodes": 9}, {"on": "c", "episodes": 9})
    row = receipt(tmp_path, FAULTS[mode], jobs=idle)
    assert (row["status"], row["effect"], row["exposed_s"]) == ("masked", None, 0.0)


TWICE = {
    "off": spell("sensor", "off", joint=0),
    "dead": spell("actuator", "weak", joint=1, torque=0),
    "occlusion": spell("camera", "occlusion"),
    "reconnect": spell("link", "reconnect", down_s=9),
    "leaves": spell("workcell", "object_leaves") | {"duration_s": None},
    "slow": spell("sensor", "slow", joint=0, rate_hz=2),
}


@pytest.mark.parametrize("mode", TWICE)
def test_a_fault_that_another_leaves_nothing_to_do_is_masked_and_voids_nothing(tmp_path, mode):
    fault = {key: value for key, value in TWICE[mode].items() if value is not None}
    run = play(tmp_path, **BASE, faults=[fault, fault | {"name": "again"}])
    assert [row["status"] for row in run.farm.trouble.receipts()] == ["acted", "masked"]


def test_a_drive_that_another_fault_keeps_cool_is_masked(tmp_path):
    cap = spell("actuator", "saturated", joint=1, limit=0.02)
    hot = spell("actuator", "overheating", joint=1, tau_s=1, derates_at_K=1e-5, stops_at_K=2e-4)
    rows = play(tmp_path, **BASE, faults=[cap, hot]).farm.trouble.receipts()
    assert [row["status"] for row in rows] == ["acted", "masked"]


def test_a_fault_that_the_run_ends_before_is_not_due(tmp_path):
    row = receipt(tmp_path, FAULTS["stuck"] | {"onset": {"at_s": 40}})
    assert (row["status"], row["onset_s"], row["cleared_s"]) == ("not_due", None, None)


@pytest.mark.parametrize("mode", FAULTS)
def test_what_a_fault_changed_is_put_back_exactly(tmp_path, mode):
    lanes = [begun(opened(tmp_path, scene(**BASE, faults=faults)), 27).lanes[0] for faults in ([], [FAULTS[mode]])]
    rows = np.arange(3, dtype=np.int32)
    assert lanes[0].world.fields_digest(rows) == lanes[1].world.fields_digest(rows)
    assert lanes[1].faults.idle()


def paths(tmp_path, faults):
    """For each cell its states, by the bits, at every tick at which it ran; its server is its own."""
    own = {"compute": {name: {"inference_ms": 30} for name in NAMES}}
    own["cells"] = [cell | {"compute": cell["name"]} for cell in BASE["cells"]]
    farm = begun(opened(tmp_path, scene(**BASE | own, faults=faults)), -1)
    world, taken = farm.lanes[0].world, {name: [] for name in NAMES}
    step = world.step

    def taking(rows, *arguments):
        step(rows, *arguments)
        for row, state in zip(rows, world.state(rows), strict=True):
            taken[NAMES[row]].append((farm.clock.now_us, state.tobytes()))

    world.step = taking
    while farm.step(40_000_000):
        pass
    return taken


@pytest.mark.parametrize("mode", ["slips", "weak", "latency", "loss"])
def test_only_the_cell_of_a_fault_feels_it(tmp_path, mode):
    strong = {"weak": {"torque": 0.05}, "latency": {"added_ms": 300}}.get(mode, {})
    without, hit = paths(tmp_path, []), paths(tmp_path, [FAULTS[mode] | strong])
    assert len(without["a"]) > 100 and [without[name] == hit[name] for name in NAMES] == [True, False, True]


def test_a_stuck_encoder_stops_its_robot_and_no_other(tmp_path):
    watched = {"filters": [{"kind": "joint_limits"}, {"kind": "tracking", "error_rad": 0.1}]}
    played = play(tmp_path, **BASE | watched, faults=[FAULTS["stuck"]])
    assert {e.cell for e in played.of("stop.protective")} == {"b"}
