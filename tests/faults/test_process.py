"""Faults outside a lane's loop, all of them in one farm: each acts with the right effect, is masked where nothing is there to
act on, is inert where what should carry it out does nothing, survives kills, and is felt by no other cell."""

from __future__ import annotations

import numpy as np
import pytest

from tests.farm.scenes import SCENE, begun, breaks, play
from tests.faults.everything import AT_S, CASES, END_S, QUIET, everything
from twin.build import build, strategies
from twin.control.releases import Releases
from twin.control.safety.persons import Persons
from twin.core.clock import to_us
from twin.farm.breaking import Breaking
from twin.farm.controllers import Controllers
from twin.farm.lapses import Lapses
from twin.farm.site import Site
from twin.farm.stopping import Stopping
from twin.farm.strategies import Strategies
from twin.farm.trouble import Trouble
from twin.farm.wear import Wear
from twin.faults import recorder
from twin.faults.catalogue import FAULTS, names
from twin.faults.compute import ClockSkew
from twin.faults.controller import ProcessPort
from twin.faults.link import LinkPartition
from twin.faults.spec import LANE_PORTS
from twin.scenario.arms import arms
from twin.snapshot import freeze, thaw

WHATEVER_IT_DOES = {"crash", "disk", "power", "brownout", "parts", "button", "breaks", "configuration", "scheduler-pause"}
"""An idle cell has power, a controller, a button and parts that wear, too."""


def by_name(farm):
    return {row["fault"]: row for row in farm.trouble.receipts()}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    return everything(tmp_path_factory.mktemp("all"))


@pytest.fixture(scope="module")
def sound(scenario):
    """The farm as it ran, and the states of the quiet cells at every tick."""
    return watched(scenario)


BOTH = [(arm, engine) for arm in arms() for engine in ("kinematic", "mujoco")]


@pytest.fixture(scope="module", params=BOTH, ids="-".join)
def world(request, tmp_path_factory):
    """The same on every arm and world: how it is made, and how it ran."""
    named = dict(zip(("arm", "engine"), request.param, strict=True))
    return named, *watched(everything(tmp_path_factory.mktemp("all"), **named))


def watched(scenario):
    farm, kept = begun(scenario, -1), {}
    world, rows = farm.lanes[0].world, np.array([farm.cells[name].row for name in QUIET], np.int32)
    step = world.step

    def taking(stepped, *rest):
        step(stepped, *rest)
        kept[farm.clock.now_us] = world.state(rows).tobytes()

    world.step = taking
    while farm.step(to_us(END_S)):
        pass
    return farm, kept


def test_every_mode_outside_a_lanes_loop_has_a_case_here():
    known = {(component, modes[0]) for kind in FAULTS if kind.PORT not in LANE_PORTS for component, modes in [names(kind)]}
    assert known == {(case.component, case.mode) for case in CASES.values()}


def test_every_fault_acts_with_an_effect_of_the_right_size_and_clears_on_every_arm_and_world(world):
    rows, wrong = by_name(world[1]), []
    for name, case in CASES.items():
        row = rows[name]
        right = row["status"] == "acted" and case.low * (1 - 1e-6) <= row["effect"] <= case.high * (1 + 1e-6)
        if not (right and row["exposed_s"] > 0 and AT_S <= row["onset_s"] <= row["cleared_s"]):
            wrong.append(row)
    assert wrong == [] and not any(world[1].controllers.causes.values()) and world[1].lanes[0].faults.idle()


def test_no_other_cell_feels_any_of_them(world, tmp_path):
    _, kept = watched(everything(tmp_path, faulty=False, **world[0]))
    before = [now_us for now_us in kept if now_us < 36e6]  # then the strategies that serve all cells are hit
    assert len(before) > 90 and [world[2][now_us] for now_us in before] == [kept[now_us] for now_us in before]


def test_a_farm_that_is_killed_again_and_again_ends_as_one_that_is_not(scenario, sound):
    farm = begun(scenario, 1)
    for until_s in (3, 5, 8, 14, 26, 28, 37.5, 41, END_S):
        farm = thaw(build(scenario, "run", 1), freeze(farm), strategies(scenario))
        while farm.step(to_us(until_s)):
            pass
    assert farm.book.chain.digest == sound[0].book.chain.digest and by_name(farm) == by_name(sound[0])


def test_a_fault_that_finds_nothing_to_act_on_is_masked(tmp_path):
    rows = by_name(begun(everything(tmp_path, busy=False), END_S))
    assert {name for name in CASES if rows[name]["status"] != "masked"} == WHATEVER_IT_DOES


APPLIES = [
    (ProcessPort, "misses", lambda port, tick, rows: np.zeros(len(rows), bool)),
    (Site, "_down", lambda *_: None),
    (Persons, "enter", lambda *_: None),
    (Controllers, "down", lambda *_: None),
    (Controllers, "stands", lambda *_: False),
    (Stopping, "stop", lambda *_, **__: False),
    (Breaking, "robot", lambda *_: False),
    (Wear, "shrink", lambda *_: True),
    (Strategies, "down", lambda *_: None),
    (ClockSkew, "off_s", lambda *_: 0.0),
    (Lapses, "away", lambda *_: False),
    (Lapses, "_slowed", lambda lapses, fault, seconds: seconds),
    (Lapses, "_strikes", lambda *_: False),
    (Releases, "_apply", lambda releases, row, k: releases.chains.ticks.__setitem__(row, 0)),
    (Trouble, "_take_back", lambda *_: None),
    (LinkPartition, "carry", lambda fault, message, memory: message.arrives_us),
    *((kind, "record", lambda *_: None) for kind in recorder.MODES),
]
"""All that carries a fault out; what measures it is left as it is."""


@pytest.fixture(scope="module")
def broken(scenario):
    """The same farm, where nothing that a fault asks for is done."""
    with pytest.MonkeyPatch.context() as patch:
        for where, what, instead in APPLIES:
            patch.setattr(where, what, instead)
        return by_name(begun(scenario, END_S))


@pytest.mark.parametrize("name", CASES)
def test_a_fault_that_nobody_carries_out_is_inert(broken, name):
    assert (broken[name]["status"], broken[name]["effect"]) == ("inert", 0.0), broken[name]


def test_a_site_that_begins_nothing_is_found_out(scenario, monkeypatch):
    monkeypatch.setattr(Site, "_begin", lambda *_: True)
    rows = by_name(begun(scenario, END_S))
    found = {name for name, row in rows.items() if row["status"] == "inert"}
    assert found >= {"crash", "protective", "power", "brownout", "parts", "breaks", "server-crash", "scheduler-crash"}


def test_of_two_stops_the_stricter_takes_over_and_both_end_with_it(tmp_path):
    mild = {"component": "safety", "mode": "protective_stop", "onset": {"at_s": 0.5}, "recover_s": 1}
    strict = {"component": "safety", "mode": "e_stop", "onset": {"at_s": 1}, "duration_s": 3}
    played = play(tmp_path, faults=[mild, strict], duration_s=10)
    rows = played.farm.receipts()
    assert [row["status"] for row in rows] == ["acted", "acted"] and [row["cleared_s"] for row in rows] == [4.5, 4.0]


def test_somebody_who_is_in_the_cell_stops_the_reset_that_begins_too(tmp_path):
    there = {"component": "safety", "mode": "human_enters", "onset": {"at_s": 5}, "duration_s": 30}
    mended = {"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": {"repair_h": 1 / 3600}}}
    played = play(tmp_path, robots=mended, faults=[breaks(1), there], duration_s=30)
    assert played.of("reset.start")[0].t_us == played.of("stop.protective")[0].t_us > 5e6
