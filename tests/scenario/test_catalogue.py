"""What `twin faults` lists is what a plan can name."""

from __future__ import annotations

import pytest

from twin.faults.catalogue import FAULTS
from twin.scenario.catalogue import catalogue, lines

LISTED = catalogue()


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


def test_the_text_names_every_fault():
    text = "\n".join(lines(LISTED))
    assert all(f"{fault['component']}/{fault['mode']}  " in text for fault in LISTED)
