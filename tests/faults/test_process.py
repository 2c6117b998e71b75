"""Faults outside a lane's loop, over whole runs: each acts with the right effect, or says that nothing was there to act on."""

from __future__ import annotations

import pytest

from tests.farm.scenes import cells, fails, jobs, play

NAMES = ("a", "b", "c")
BASE = {
    "cells": cells(*NAMES, link="wifi", compute="gpu"),
    "links": {"wifi": {"latency_ms": 20}},
    "compute": {"gpu": {"inference_ms": 30}},
    "groups": {"row": ["b", "c"]},
    "robots": fails(scale=100),
    "people": {
        "ops": {"count": 2, "skills": ["reset"], "response_s": 3, "work_s": 4},
        "techs": {"count": 1, "skills": ["repair"], "response_s": 5, "work_s": 1},
    },
    "resets": [{"kind": "person", "pool": "ops", "deadline_s": 60}],
    "jobs": jobs(*({"on": name, "episodes": 99} for name in NAMES)),
    "episode_timeout_s": 8,
    "duration_s": 60,
}
IDLE = {"jobs": jobs({"on": "a", "at_s": 59, "episodes": 1})}


def fault(component, mode, target="b", at_s=5, lasts_s=25, **more):
    return {"component": component, "mode": mode, "target": target, "onset": {"at_s": at_s}, "duration_s": lasts_s} | more


FAULTS = {
    "overrun": (fault("compute", "overrun", share=0.4), 20, 90),
    "pause": (fault("compute", "pause"), 40, 126),
    "crash": (fault("compute", "crash"), 25, 25),
    "server pause": (fault("compute", "server_pause", "gpu"), 3, 50),
    "server crash": (fault("compute", "server_crash", "gpu", lasts_s=5, cold_start_s=2), 3, 50),
    "scheduler pause": (fault("compute", "scheduler_pause", "scheduler"), 1, 200),
    "scheduler crash": (fault("compute", "scheduler_crash", "scheduler"), 1, 200),
    "clock": (fault("compute", "clock_skew", skew_s=-3), 3, 3),
    "disk": (fault("compute", "disk_full"), 10, 25),
    "human": (fault("safety", "human_enters"), 10, 27),
    "button": (fault("safety", "e_stop"), 10, 27),
    "curtain": (fault("safety", "light_curtain", every_s=3, for_s=0.5), 1, 20),
    "power": (fault("safety", "power_cut"), 25, 25),
    "frames": (fault("recorder", "drops_frames", share=0.5), 100, 500),
    "desync": (fault("recorder", "desynchronised", offset_ms=80), 80, 80),
    "extrinsics": (fault("recorder", "wrong_extrinsics", off_mm=12), 12, 12),
    "recorder disk": (fault("recorder", "disk_full"), 200, 900),
    "upload": (fault("recorder", "upload_stalls"), 5, 25),
    "truncated": (fault("recorder", "truncated", kept=0.25), 100, 700),
    "absent": (fault("people", "absent", "ops"), 5, 75),
    "slow": (fault("people", "slow", "ops", factor=2), 7, 60),
    "wrong cell": (fault("people", "wrong_cell", "ops"), 2, 20),
    "wrong command": (fault("people", "wrong_command", "ops", probability=0.7), 1, 20),
    "abandons": (fault("people", "abandons", "ops", probability=0.7), 1, 20),
    "two": (fault("people", "two_at_once", "ops", lasts_s=50), 1, 20),
    "brownout": (fault("facility", "brownout", "row"), 40, 50),
    "network": (fault("facility", "network_lost", "row"), 5, 100),
    "parts": (fault("facility", "part_batch", "row", life=0.01), 10, 1000),
}
"""The effect of each, at least and at most."""
SMALL = {"jobs": [{"kind": "poisson", "per_hour": 900, "at_start": 3}]}
MORE = {"scheduler pause": SMALL, "scheduler crash": SMALL}


def receipt(tmp_path, one, **changes):
    rows = play(tmp_path, **BASE | changes, faults=[one]).farm.receipts()
    return next(row for row in rows if not row["fault"].startswith("wear"))


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_acts_with_an_effect_of_the_right_size(tmp_path, name):
    one, low, high = FAULTS[name]
    row = receipt(tmp_path, one, **MORE.get(name, {}))
    assert row["status"] == "acted" and low * (1 - 1e-6) <= row["effect"] <= high * (1 + 1e-6), row
    assert (row["target"], row["onset_s"], row["exposed_s"] > 0) == (one["target"], 5.0, True)


WHATEVER_IT_DOES = ("crash", "disk", "power", "brownout", "parts", "button", "scheduler pause")
"""An idle cell has power, a controller and a button, too."""


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in WHATEVER_IT_DOES])
def test_a_fault_that_finds_nothing_to_act_on_is_masked(tmp_path, name):
    row = receipt(tmp_path, FAULTS[name][0], **IDLE)
    assert (row["status"], row["effect"]) == ("masked", None), row
