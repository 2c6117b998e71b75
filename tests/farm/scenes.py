"""Small farms for tests: a scenario as a dict, changed where a test wants it changed, on the physics without dynamics.

`SCENE` has one UR3 at a control period of 200 ms, so that a simulated minute costs a tenth of a second.
"""

import copy
import json
import shutil
from pathlib import Path

from twin.build import build
from twin.core.clock import to_us
from twin.core.records import Event
from twin.farm.farm import Farm
from twin.run import execute
from twin.scenario.load import Scenario, load

USER_CODE = Path(__file__).parents[1] / "user_code"

SCENE = {
    "scenario": "scene",
    "fleet": {
        "fleet": "scene",
        "workcells": {"table": {"physics_step_ms": 10}},
        "grippers": {"g": {"stroke_mm": 85}},
        "robots": {"arm": {"model": "ur3", "gripper": "g", "control_ms": 200}},
        "people": {
            "ops": {"count": 1, "skills": ["reset"], "response_s": 3, "work_s": 4},
            "techs": {"count": 1, "skills": ["repair"], "response_s": 5, "work_s": 1},
        },
        "resets": [{"kind": "automatic", "attempts": 2, "seconds": 1, "success": 1}],
        "cells": [{"name": "a", "robots": [{"robot": "arm"}]}],
    },
    "policy": {"kind": "scripted", "perception_error_mm": 0},
    "jobs": [{"kind": "list", "jobs": [{"job": "j", "episodes": 1000}]}],
    "episode_timeout_s": 2,
    "duration_s": 30,
}


FLEET_KEYS = ("groups", "links", "compute", "sites", "store", "costs", "learning", "parts", "self_test")


def scene(**changes):
    """`SCENE` with top-level keys replaced; a key that the fleet has goes into the fleet."""
    made = copy.deepcopy(SCENE)
    for key, value in changes.items():
        (made["fleet"] if key in made["fleet"] or key in FLEET_KEYS else made)[key] = value
    return made


def cells(*names, **more):
    return [{"name": name, "robots": [{"robot": "arm"}], **more} for name in names]


def jobs(*listed):
    return [{"kind": "list", "jobs": [{"job": f"j{i + 1}"} | job for i, job in enumerate(listed)]}]


def fails(shape=1.0, scale=1e-4, repair_h=0.001):
    """A robot that wears out by a Weibull law."""
    law = {"kind": "weibull", "shape": shape, "scale": scale}
    return {"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": {"fails_h": law, "repair_h": repair_h}}}


def breaks(at_s, target="*", **more):
    return {"component": "joint", "mode": "breaks", "target": target, "onset": {"at_s": at_s}, **more}


def opened(folder: Path, made, **options) -> Scenario:
    """The scenario of a dict, through its file. Users' classes lie beside it: `use: "strategies:Lifo"`."""
    path = Path(folder) / "scene.yaml"
    path.write_text(json.dumps(made))
    for module in USER_CODE.glob("*.py"):
        shutil.copy(module, folder)
    return load(path, **{"engine": "kinematic"} | options)


class Played:
    """A farm that ran to its end in memory, and all that it said."""

    def __init__(self, scenario: Scenario):
        self.journal = Memory()
        self.farm, _ = execute(scenario, self.journal, "run", 1)
        self.events = self.journal.said
        self.rows = self.journal.rows

    def of(self, *kinds, cell=None, job=None):
        wanted = [e for e in self.events if any(e.kind == k or e.kind.startswith(f"{k}.") for k in kinds)]
        return [e for e in wanted if cell in (None, e.cell) and job in (None, e.job)]

    def kinds(self, *kinds, **of):
        return [e.kind for e in self.of(*kinds, **of)]


class Memory:
    """A journal that forgets nothing and writes nothing."""

    def __init__(self):
        self.said, self.rows = [], []

    def rewind(self, t_us):
        return None

    def commit(self, t_us, events, episodes, snapshot, chain, ticks=b""):
        self.said += [Event(*json.loads(text)) for text in events]
        self.rows += episodes


def play(folder: Path, **changes) -> Played:
    """Run a changed `SCENE` in memory."""
    return Played(opened(folder, scene(**changes)))


def begun(scenario: Scenario, until_s: float) -> Farm:
    """A farm that has run to a time."""
    farm = build(scenario, "run", 1)
    farm.begin()
    while farm.step(to_us(until_s)):
        pass
    return farm
