"""Sensors as declared: noise of the size they say, readings as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin.control.sensing import Sensors
from twin.core.chance import Chance
from twin.core.records import Observation
from twin.world.spec import SensorSpec

PERIOD_US, NQ = 20_000, 6


def sensors(*specs: Any, n: int = 2, seed: int = 1) -> Sensors:
    made = Sensors([SensorSpec(**spec) for spec in specs], [f"c{i}" for i in range(n)], NQ, 1, PERIOD_US, Chance(seed))
    for row in range(n):
        made.begin(row, 1)
    return made


def read(made: Sensors, tick: int, rows: Any = (0, 1)) -> Observation:
    """The arm and the object are at `tick`, whatever the unit."""
    n = len(rows)
    joints, poses = np.full((n, NQ), float(tick)), np.full((n, 1, 7), float(tick))
    seen = Observation(joints.copy(), joints.copy(), np.zeros(n), np.zeros((n, 3)), poses)
    return made.read(tick * PERIOD_US, np.array(rows, np.int32), seen)


def test_an_undeclared_sensor_reads_the_physics_exactly():
    assert (read(sensors(), 7).q == 7).all() and (read(sensors(), 7).objects == 7).all()


@pytest.mark.parametrize(
    ("kind", "field", "other"), [("joint", "q", "objects"), ("joint", "dq", "objects"), ("camera", "objects", "q")]
)
def test_a_slow_sensor_shows_its_last_reading(kind, field, other):
    made = sensors({"kind": kind, "rate_hz": 12.5})  # every fourth tick
    shown = [read(made, tick) for tick in range(9)]
    assert [getattr(seen, field).flat[0] for seen in shown] == [0, 0, 0, 0, 4, 4, 4, 4, 8]
    assert [getattr(seen, other).flat[0] for seen in shown] == list(range(9))


def test_a_sensor_as_fast_as_the_lane_holds_nothing():
    assert sensors({"kind": "joint", "rate_hz": 50}, {"kind": "camera", "rate_hz": 90}).held == []


def test_an_episode_begins_with_a_fresh_reading():
    made = sensors({"kind": "camera", "rate_hz": 1})
    assert read(made, 3).objects.flat[0] == 3
    made.begin(0, 2)
    assert read(made, 4).objects[:, 0, 0].tolist() == [4, 3]


@pytest.mark.parametrize(("kind", "field"), [("joint", "q"), ("camera", "objects")])
def test_noise_is_as_large_as_declared(kind, field):
    made = sensors({"kind": kind, "noise": 0.01})
    shown = np.array([getattr(read(made, tick), field)[:, ..., :3] - tick for tick in range(500)])
    assert shown.std() == pytest.approx(0.01, rel=0.05) and abs(shown.mean()) < 1e-3


def test_a_row_s_noise_does_not_move_with_what_others_do():
    both, alone = sensors({"kind": "joint", "noise": 0.01}), sensors({"kind": "joint", "noise": 0.01})
    for tick in range(300):
        assert (read(both, tick).q[1] == read(alone, tick, (1,)).q[0]).all()
