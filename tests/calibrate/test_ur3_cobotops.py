"""The recording of UR3 CobotOps, and nothing of it in the code: what its forecasts and its trend must reach."""

import pytest

from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def results(root, real_data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_REAL_DATA", str(real_data))
        plan = load_plan(root / "scenarios" / "ur3_cobotops" / "calibrate.yaml")
        return calibrate(plan, ("reliability", "episodes")).results


def test_stops_grip_losses_and_durations_are_forecast_better_than_by_a_stationary_bootstrap(results):
    scores = [s for r in results for s in r.scores if s.name.startswith("log score")]
    assert len(scores) == 5 and all(s.better for s in scores)


def test_intervals_of_forecasts_cover(results):
    inside = {s.name: s.ours for r in results for s in r.scores if "inside" in s.name}
    assert 0.85 <= inside["share of episodes with duration inside the 90 % interval"] <= 0.95
    windows = [v for name, v in inside.items() if "windows" in name]
    assert sum(windows) / len(windows) >= 0.8


def test_the_trend_of_stops_is_found_and_the_stationary_model_refused(results):
    facts = results[0].facts["figures"]["protective stop"]
    assert facts["trend_p"] < 0.001 and facts["first_against_last_p"] < 0.001 and facts["stationary_refused"]
    assert not results[0].facts["figures"]["grip loss"]["stationary_refused"]


def test_a_rate_that_varies_is_offered_instead(results):
    (times,) = [e.value for e in results[0].estimates if e.path[-2:] == ("varies", "times")]
    assert times[-1] > 4 * times[0]
