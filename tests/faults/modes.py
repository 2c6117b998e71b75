"""One fault of every mode that acts in a lane, as a plan writes it, and how large its effect is when it lasts 15 s."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """more: its parameters; low, high: the effect's bounds in its unit."""

    component: str
    mode: str
    more: dict[str, Any]
    low: float
    high: float


J, FORCE, OBJECT = {"joint": 0}, {"sensor": "force"}, {"sensor": "object"}
TRACE = {"kind": "trace", "path": "trace.csv", "round_trip": True}

CASES = (
    *(Case("sensor", "off", which, 5, 30) for which in (J, FORCE, OBJECT)),
    Case("sensor", "stuck", J, 1e-4, 3.2),
    Case("sensor", "stuck", FORCE, 0.3, 60),
    Case("sensor", "stuck", OBJECT, 0.01, 1),
    *(Case("sensor", "bias", {**which, "bias": 0.02}, 0.02, 0.02) for which in (J, FORCE, OBJECT)),
    *(Case("sensor", "drift", {**which, "drift_per_min": 0.12}, 0.02, 0.05) for which in (J, FORCE, OBJECT)),
    *(Case("sensor", "noise", {**which, "noise": 0.01}, 0.006, 0.014) for which in (J, FORCE, OBJECT)),
    *(Case("sensor", "garbage", {**which, "share": 0.3}, 4, 200) for which in (J, FORCE, OBJECT)),
    Case("sensor", "quantised", {**J, "step": 0.02}, 0.005, 0.01),
    Case("sensor", "quantised", {**FORCE, "step": 0.5}, 0.01, 0.25),
    Case("sensor", "quantised", {**OBJECT, "step": 0.02}, 0.005, 0.01),
    *(Case("sensor", "delayed", {**which, "delay_ms": 150}, 150, 260) for which in (J, FORCE, OBJECT)),
    *(Case("sensor", "slow", {**which, "rate_hz": 2}, 150, 250) for which in (J, FORCE, OBJECT)),
    *(Case("sensor", "dropped", {**which, "share": 0.3}, 4, 200) for which in (J, FORCE, OBJECT)),
    *(Case("sensor", "intermittent", {**which, "every_s": 2}, 0.5, 25) for which in (J, FORCE, OBJECT)),
    Case("actuator", "off", J, 1, 1),
    Case("actuator", "weak", {**J, "torque": 0.25}, 0.75 - 0.1, 0.75 + 0.1),
    Case("actuator", "saturated", {"joint": 1, "limit": 0.02}, 0.05, 1),
    Case("actuator", "stuck", J, 0.05, 3.2),
    Case("actuator", "delayed", {**J, "delay_ms": 200}, 200, 200),
    Case("actuator", "runaway", {**J, "speed": 0.3}, 0.3, 7),
    Case("actuator", "jam", J, 2, 2),
    Case("actuator", "backlash", {**J, "play_rad": 0.04}, 0.02, 0.02),
    Case("actuator", "overheating", {"joint": 1, "tau_s": 1, "derates_at_K": 1e-5, "stops_at_K": 2e-4}, 0.01, 1),
    Case("joint", "friction", {**J, "growth_per_h": 60}, 0.05, 0.5),
    Case("joint", "encoder_slip", {**J, "slip_rad": 0.05}, 0.05, 0.05),
    Case("gripper", "will_not_close", {}, 1, 25),
    Case("gripper", "will_not_open", {}, 0.2, 25),
    Case("gripper", "slips", {}, 0.2, 0.4),
    Case("gripper", "object_sticks", {}, 5, 5),
    Case("camera", "freeze", {}, 0.01, 1),
    Case("camera", "drop", {"share": 0.3}, 4, 200),
    Case("camera", "occlusion", {}, 5, 30),
    Case("camera", "miscalibration", {"shift_mm": [20, 0, 0]}, 0.02, 0.02),
    Case("link", "latency", {"added_ms": 70}, 70, 70),
    Case("link", "latency", {"added_ms": {"kind": "lognormal", "median": 50, "sigma": 0.5}}, 40, 75),
    Case("link", "latency", {"added_ms": TRACE}, 5, 200),
    # Counts that hang on chance are bounded where no seed gets near (60 seeds came to 27–34, 34, 12–21 and 4–14). A burst that
    # begins and ends at every message takes every other one, whatever is drawn; longer ones: test_link.py.
    Case("link", "loss", {"loss": 0.8}, 20, 38),
    Case("link", "burst_loss", {"good_to_bad": 1.0, "bad_to_good": 1.0}, 30, 38),
    Case("link", "duplicate", {"share": 0.9}, 6, 30),
    Case("link", "reorder", {"share": 0.8, "held_ms": 600}, 1, 30),
    Case("link", "bandwidth", {"kbps": 2000}, 40, 130),
    Case("link", "partition", {}, 4, 300),
    Case("link", "partition", {"way": "answers"}, 4, 300),
    Case("link", "reconnect", {"down_s": 8}, 100, 9000),
    Case("workcell", "object_leaves", {}, 0.02, 1),
    Case("workcell", "bin_jam", {}, 100, 100),
    Case("workcell", "wrong_object", {"size": 0.6}, 0.4, 0.4),
    Case("workcell", "shove", {"shift_mm": 60}, 0.02, 0.2),
    Case("workcell", "lighting", {"noise": 0.01}, 0.006, 0.014),
)


def plan(case: Case, target: str, at_s: float = 1.0, duration_s: float = 25.0) -> dict[str, Any]:
    """The case as an entry of a plan."""
    times = {"onset": {"at_s": at_s}, "duration_s": duration_s}
    return {"component": case.component, "mode": case.mode, "target": target, **times, **case.more}
