"""The tracking monitor: it trips when a joint stays away from its command, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from tests.control.rig import seen, with_grip
from twin.control.safety.tracking import Tracking

PERIOD_S = 0.02


def watch(monitor: Tracking, errors: list[list[float]]) -> list[list[bool]]:
    """What the monitor says at each tick of rows of one joint that are this far from where they were sent."""
    stops = []
    for error in errors:
        last = np.zeros((len(error), 2))
        out = monitor.certify(seen(last, np.zeros((len(error), 1)), q=np.array(error)[:, None]), with_grip(last[:, :1]))
        stops.append(out.stop.tolist())
    return stops


@pytest.mark.parametrize(("for_s", "tick"), [(0.0, 1), (0.02, 2), (0.05, 4), (0.1, 6)])
def test_it_trips_when_the_first_late_tick_lies_so_long_ago(for_s, tick):
    stops = watch(Tracking(0.1, for_s, PERIOD_S, 1), [[0.2]] * 8)
    assert stops == [[k + 1 >= tick] for k in range(8)]


def test_one_tick_in_time_starts_the_count_again():
    stops = watch(Tracking(0.1, 0.04, PERIOD_S, 1), [[0.2], [0.2], [0.1], [0.2], [0.2], [-0.2]])
    assert stops == [[False]] * 5 + [[True]]


def test_each_row_has_its_own_count():
    stops = watch(Tracking(0.1, 0.04, PERIOD_S, 2), [[0.2, 0.0], [0.2, 0.2], [0.2, 0.2], [0.0, 0.2]])
    assert stops == [[False, False]] * 2 + [[True, False], [False, True]]


def test_a_new_episode_starts_the_count_again():
    monitor = Tracking(0.1, 0.04, PERIOD_S, 2)
    watch(monitor, [[0.2, 0.2]] * 2)
    monitor.begin(0)
    assert watch(monitor, [[0.2, 0.2]]) == [[False, True]]


def test_a_joint_that_cannot_be_read_is_late():
    assert watch(Tracking(0.1, 0.02, PERIOD_S, 1), [[np.nan], [np.nan]])[-1] == [True]


def test_its_margin_is_what_is_left_of_the_allowed_error():
    out = Tracking(0.1, 0.0, PERIOD_S, 2).certify(
        seen(np.zeros((2, 2)), np.zeros((2, 1)), q=np.array([[0.025], [-0.2]])), np.zeros((2, 2))
    )
    np.testing.assert_allclose(out.margin, [0.75, -1.0])
