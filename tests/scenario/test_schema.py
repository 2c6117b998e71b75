"""The JSON Schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import jsonschema
import pytest

from twin.core.assets import shipped
from twin.core.yaml import read
from twin.scenario.schema import schema

FLEETS = sorted(
    str(p.relative_to(shipped("scenarios")))
    for p in shipped("scenarios").rglob("*.yaml")
    if "fleet" in str(p.name) + str(p.parent.name)
)
SCENARIOS = ["quickstart.yaml", "tiny.yaml", "ur3_cobotops/scenario.yaml"]


def faults(name: str, *, fleet: bool) -> list[str]:
    found = jsonschema.Draft202012Validator(schema(fleet=fleet)).iter_errors(read(shipped("scenarios") / name).data)
    return [error.message for error in found]


@pytest.mark.parametrize("fleet", [False, True])
def test_the_schema_is_one(fleet):
    jsonschema.Draft202012Validator.check_schema(schema(fleet=fleet))
    assert schema(fleet=fleet)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_that_ship_fit_the_schema(name):
    assert faults(name, fleet=False) == []


@pytest.mark.parametrize("name", FLEETS)
def test_fleets_that_ship_fit_the_schema(name):
    assert faults(name, fleet=True) == []


def test_a_fleet_is_no_scenario():
    assert "'scenario' is a required property" in faults(FLEETS[0], fleet=False)


@pytest.mark.parametrize(
    "change", [{"durations_s": 3}, {"duration_s": -3}, {"fleet": 3}, {"faults": [{"component": "sensor"}]}]
)
def test_what_the_loader_refuses_the_schema_refuses(change):
    data = read(shipped("scenarios") / "tiny.yaml").data | change
    assert not jsonschema.Draft202012Validator(schema()).is_valid(data)


def test_own_keys_are_welcome_at_every_level():
    data = read(shipped("scenarios") / "tiny.yaml").data
    data["x-mine"] = data["fleet"]["x-mine"] = data["fleet"]["robots"]["x-mine"] = 3
    assert jsonschema.Draft202012Validator(schema()).is_valid(data)


def test_every_kind_of_thing_is_described():
    assert [name for name, part in schema()["$defs"].items() if not part.get("description")] == []
