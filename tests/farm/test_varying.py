"""Faults that the fleet has anyway, at rates that change with the farm's time."""

import numpy as np
import pytest
from pydantic import ValidationError

from twin.core.chance import Chance
from twin.faults.spec import Onset


def onsets(onset, hours=200.0):
    stream, now = Chance(5).stream("test", "onsets"), 0.0
    out = []
    while (now := now + onset.wait_s(now, stream)) < 3600 * hours:
        out.append(now / 3600)
    return np.array(out)


def test_a_rate_that_varies_gives_as_many_onsets_as_it_adds_up_to():
    at = onsets(Onset(rate_per_h=2, varies={"at_h": (0, 100, 200), "times": (1, 1, 9)}))
    first, last = (at < 100).sum(), (at >= 100).sum()
    assert abs(first - 200) < 4 * np.sqrt(200) and abs(last - 1000) < 4 * np.sqrt(1000)


def test_a_share_that_varies_never_exceeds_one():
    onset = Onset(per_episode=0.4, varies={"at_h": (0, 10), "times": (1, 10)})
    assert [onset.share(3600 * h) for h in (0, 1, 10)] == [0.4, pytest.approx(0.76), 1.0]


@pytest.mark.parametrize(
    "bad", [{"at_h": (0, 1), "times": (1,)}, {"at_h": (1, 0), "times": (1, 2)}, {"at_h": (0, 1), "times": (1, 0)}]
)
def test_a_course_that_is_none_is_refused(bad):
    with pytest.raises(ValidationError):
        Onset(rate_per_h=1, varies=bad)
