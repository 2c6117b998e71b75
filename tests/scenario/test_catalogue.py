"""What `twin faults` lists is what a plan can name."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.faults.catalogue import FAULTS, names
from twin.scenario.catalogue import catalogue, lines
from twin.scenario.load import load

LISTED = catalogue()
ROOT = Path(__file__).parents[2]


def test_every_fault_is_listed_once():
    names = [(fault["component"], fault["mode"]) for fault in LISTED]
    assert len(set(names)) == len(names) == len(FAULTS) >= 7


@pytest.mark.parametrize("fault", LISTED, ids=lambda fault: f"{fault['component']}-{fault['mode']}")
def test_every_fault_says_where_it_acts_and_what_its_receipt_measures(fault):
    assert all(fault[key] for key in ("about", "port", "effect", "unit"))


def test_parameters_say_what_they_take():
    torque = next(p for fault in LISTED for p in fault["parameters"] if p["name"] == "torque")
    assert torque == {
        "name": "torque",
        "takes": "number",
        "required": True,
        "about": "Fraction that is left, whatever is asked.",
    }


NEEDS = {"brake_slip": {("safety", "e_stop")}, "roll_back": {("release", "mixed"), ("release", "bad_configuration")}}
"""What else a scenario needs: a brake slips where power is gone, and what is rolled back was rolled out."""


@pytest.mark.parametrize("fault", LISTED, ids=lambda fault: f"{fault['component']}-{fault['mode']}")
def test_every_fault_ships_with_a_scenario_of_its_own_in_which_it_must_act(fault):
    spec = load(ROOT / fault["scenario"]).spec
    planned = {(each.component, each.mode): each.must_act for each in spec.faults}
    assert planned.pop((fault["component"], fault["mode"])) and set(planned) == NEEDS.get(fault["mode"], set()) and spec.checks


def test_the_words_of_px4_are_known():
    known = {(component, mode) for kind in FAULTS for component, modes in [names(kind)] for mode in modes}
    words = ("off", "stuck", "garbage", "wrong", "slow", "delayed", "intermittent")
    assert {("sensor", word) for word in words} <= known
    assert {
        ("actuator", "off"),
        ("actuator", "stuck"),
        ("actuator", "delayed"),
        ("camera", "off"),
        ("link", "delayed"),
    } <= known


def test_the_text_names_every_fault():
    text = "\n".join(lines(LISTED))
    assert all(f"{fault['component']}/{fault['mode']}  " in text for fault in LISTED)
