"""One farm in which every fault outside the loop of a lane happens at once, each on a cell, site and people of its own, so that
what one does the others do not feel; and how large the effect of each is."""

from __future__ import annotations

from typing import Any

from tests.farm.scenes import SCENE, opened, scene
from tests.faults.modes import Case

AT_S, FOR_S, END_S = 2.0, 25.0, 45.0
QUIET = ("quiet-1", "quiet-2")


def at(at_s: float, lasts_s: float) -> dict[str, Any]:
    """Another time than the others'."""
    return {"onset": {"at_s": at_s}, "duration_s": lasts_s}


CASES = {
    "overrun": Case("compute", "overrun", {"share": 0.4}, 20, 90),
    "pause": Case("compute", "pause", {}, 40, 126),
    "crash": Case("compute", "crash", {}, 25, 25),
    "server-pause": Case("compute", "server_pause", {}, 1, 20),
    "server-crash": Case("compute", "server_crash", {"duration_s": 5, "cold_start_s": 2}, 1, 10),
    "clock": Case("compute", "clock_skew", {"skew_s": -3}, 3, 3),
    "disk": Case("compute", "disk_full", {}, 10, 25),
    "human": Case("safety", "human_enters", {}, 10, 26),
    "scanner": Case("safety", "human_enters", {"seen_by": "scanner"}, 5, 26),
    "button": Case("safety", "e_stop", {}, 10, 26),
    "curtain": Case("safety", "light_curtain", {"every_s": 3, "for_s": 0.5}, 1, 20),
    "protective": Case("safety", "protective_stop", {"duration_s": None, "recover_s": 4}, 4, 5),
    "power": Case("safety", "power_cut", {}, 25, 25),
    "frames": Case("recorder", "drops_frames", {"share": 0.5}, 100, 500),
    "desync": Case("recorder", "desynchronised", {"offset_ms": 80}, 80, 80),
    "extrinsics": Case("recorder", "wrong_extrinsics", {"off_mm": 12}, 12, 12),
    "recorder-disk": Case("recorder", "disk_full", {}, 200, 900),
    "upload": Case("recorder", "upload_stalls", {}, 5, 25),
    "truncated": Case("recorder", "truncated", {"kept": 0.25}, 100, 700),
    "absent": Case("people", "absent", {}, 5, 75),
    "slow": Case("people", "slow", {"factor": 2}, 7, 60),
    "wrong-cell": Case("people", "wrong_cell", {}, 1, 20),
    "wrong-command": Case("people", "wrong_command", {"probability": 0.9999999}, 1, 20),
    "abandons": Case("people", "abandons", {"probability": 0.9999999}, 1, 20),
    "two": Case("people", "two_at_once", {}, 1, 20),
    "brownout": Case("facility", "brownout", {}, 25, 25),
    "network": Case("facility", "network_lost", {}, 5, 100),
    "parts": Case("facility", "part_batch", {"life": 0.01}, 10, 1000),
    "breaks": Case("joint", "breaks", {"duration_s": None}, 5 / 3600, 12 / 3600),
    "back": Case("release", "roll_back", {"onset": {"at_s": 14}, "duration_s": None}, 2, 2),
    "mixed": Case("release", "mixed", {"release": "slow"}, 1, 5),
    "configuration": Case("release", "bad_configuration", {}, 10, 25),
    "scheduler-pause": Case("compute", "scheduler_pause", {**at(36, 3), "target": "scheduler"}, 1, 200),
    "scheduler-crash": Case("compute", "scheduler_crash", {**at(40, 4), "target": "dispatch"}, 1, 200),
}  # fmt: skip
"""Name of the cell → what happens there."""


BACK = {"component": "release", "target": "back", "duration_s": 30}
ROLLED = (
    BACK | {"name": "out", "mode": "mixed", "release": "slow", "onset": {"at_s": 1}},
    BACK | {"name": "bad", "mode": "bad_configuration", "onset": {"at_s": 10}},
)
"""What there is to be rolled back."""


def plan(name: str, case: Case) -> dict[str, Any]:
    """An entry of the plan; what is None in `more` is left out."""
    target = f"ops-{name}" if case.component == "people" else name
    entry = {"component": case.component, "mode": case.mode, "target": target, "onset": {"at_s": AT_S}, "duration_s": FOR_S}
    return {key: value for key, value in (entry | {"name": name} | case.more).items() if value is not None}


def everything(folder, faulty=True, busy=True, arm="ur3", engine="kinematic"):
    """The scenario; not faulty: only the quiet cells work and nothing happens; not busy: nobody works at all."""
    names = [QUIET[0], *CASES, QUIET[1]]
    worn = {"fails_h": {"kind": "weibull", "shape": 50, "scale": 100}, "repair_h": 1 / 3600}
    listed = [{"job": n, "on": n, "episodes": 99} for n in (names if faulty else QUIET) if busy]
    changes = {
        "robots": {"arm": SCENE["fleet"]["robots"]["arm"] | {"model": arm, "reliability": worn}},
        "workcells": {"table": {"physics_step_ms": 5}},
        "sites": {name: {} for name in names},
        "cells": [
            {"name": name, "site": name, "robots": [{"robot": "arm"}], "link": f"link-{name}", "compute": name}
            for name in names
        ],
        "links": {f"link-{name}": {"latency_ms": 20} for name in names},
        "compute": {name: {"inference_ms": 30} for name in names},
        "people": {
            **{
                f"ops-{name}": {"count": 2, "site": name, "skills": ["reset"], "response_s": 1.5, "work_s": 2} for name in names
            },
            "techs": {"count": 9, "skills": ["repair"], "response_s": 5, "work_s": 1},
        },
        "resets": [{"kind": "person", "pool": f"ops-{name}", "deadline_s": 60} for name in names],
        "jobs": [{"kind": "list", "jobs": [*listed, {"job": "later", "on": "pause", "at_s": 37 if busy else 44.5}]}],
        "releases": {"slow": {"stack_version": "2", "policy": {"kind": "scripted", "speed": 0.3, "version": "9"}}},
        "faults": [*(plan(name, case) for name, case in CASES.items()), *(ROLLED if busy else ())] if faulty else [],
    }
    return opened(folder, scene(**changes, episode_timeout_s=4, duration_s=60), engine=engine)
