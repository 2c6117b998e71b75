"""Plans on tables of episodes from end to end, good and bad."""

import numpy as np
import pandas as pd
import pytest

from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance
from twin.core.errors import TableError
from twin.faults.onset import Onset
from twin.faults.wander import Course
from twin.log.episodes import episode_frame, write_episodes


def table(n=60, **columns):
    rows = [{"episode": i + 1, "source": "real", "schema": 1, "cell": f"c{i % 3}", "task": "pick", "start_s": 40.0 * i,
             "duration_s": 30.0, "censored": False, "symptoms": [], "label": True} for i in range(n)]  # fmt: skip
    return episode_frame([row | {k: v[i] for k, v in columns.items()} for i, row in enumerate(rows)])


@pytest.fixture
def told(tmp_path):
    def run(part, data, fleet=""):
        write_episodes(data, tmp_path / "log.parquet")
        head = f"calibrate: t\n{fleet}logs: {{bay: {{kind: episodes, path: log.parquet}}}}\n"
        (tmp_path / "plan.yaml").write_text(head + f"parts: [{part}]\n")
        return calibrate(load_plan(tmp_path / "plan.yaml")).results[0]

    return run


def texts(result, level):
    return " / ".join(f.text for f in result.findings if f.level == level)


def test_a_log_without_failures_gives_a_one_sided_bound_and_not_zero(told):
    found = told("{kind: reliability, log: bay, of: [protective_stop]}", table())
    (one,) = [e for e in found.estimates if e.path[0] == "faults"]
    assert not one.identified and one.high is None and one.low == pytest.approx(0.5 / 3.0, rel=0.01)  # h: the rule of three
    assert "one-sided" in texts(found, "note")


def test_one_outcome_only_is_said_and_bounded(told):
    found = told("{kind: episodes, log: bay, forecasts: 0}", table())
    assert "all 60 episodes succeeded: at least 0.951" in texts(found, "warning")
    shares = [e for e in found.estimates if "success" in e.path and "duration_s" not in e.path]
    assert shares and all(e.value < 1 and e.low < 0.99 for e in shares)


def test_a_log_that_tells_nothing_is_refused(told):
    empty = table().assign(symptoms=None, label=pd.NA)
    with pytest.raises(TableError, match="neither events nor symptoms"):
        told("{kind: reliability, log: bay}", empty)
    with pytest.raises(TableError, match="no episode has an outcome or a duration"):
        told("{kind: episodes, log: bay}", empty.assign(duration_s=np.nan))


def test_breakages_of_a_log_without_events_are_refused(told):
    with pytest.raises(TableError, match="needs a run folder, or a table of failures"):
        told("{kind: reliability, log: bay, of: [breakage]}", table())


def test_a_covariate_with_a_value_an_episode_is_refused(told):
    scenes = [f"scene {i}" for i in range(60)]
    with pytest.raises(TableError, match="column 'scene' has 60 values"):
        told("{kind: episodes, log: bay, covariates: [scene]}", table(scene=scenes, label=[i % 3 > 0 for i in range(60)]))


def test_a_share_that_rises_is_refused_and_written_as_it_is_now(told):
    s = Chance(9).stream("test", "rise")
    had = s.random(240) < np.linspace(0.05, 0.7, 240)
    data = table(240, symptoms=[["grip_loss"] if h else [] for h in had])
    found = told("{kind: reliability, log: bay, of: [grip_loss]}", data)
    (now,) = [e for e in found.estimates if e.path[-1] == "per_episode"]
    assert "stationary model is refused" in texts(found, "refused") and now.value > 0.5 and now.low < 0.7 < now.high + 0.1


def test_a_steady_share_is_kept(told):
    s = Chance(9).stream("test", "steady")
    data = table(240, symptoms=[["grip_loss"] if h else [] for h in s.random(240) < 0.2])
    found = told("{kind: reliability, log: bay, of: [grip_loss]}", data)
    (share,) = [e for e in found.estimates if e.path[-1] == "per_episode"]
    assert not texts(found, "refused") and share.low < 0.2 < share.high


def test_what_a_share_may_still_do_is_carried_into_the_fleet_file(told):
    s = Chance(9).stream("test", "walks")
    p = 1 / (1 + np.exp(1 - np.cumsum(0.15 * s.standard_normal(240))))
    data = table(240, symptoms=[["grip_loss"] if h else [] for h in s.random(240) < p])
    found = told("{kind: reliability, log: bay, of: [grip_loss]}", data)
    onset = {e.path[-1]: e.value for e in found.estimates if "onset" in e.path}
    courses = {key: onset[key] for key in ("per_sqrt_h", "returns_h", "times")}
    made = Course(Onset(per_episode=onset["per_episode"], wanders=courses), 36_000, s)
    shares = [onset["per_episode"] * times for times in courses["times"]]
    assert min(abs(made.share(0) - share) for share in shares) < 1e-6 and max(courses["per_sqrt_h"]) > 0
    assert "wanders or jumps with" in texts(found, "note")


def test_a_replay_of_the_log_does_not_wander(told):
    data = table(240, symptoms=[["grip_loss"] if i % 5 == 0 else [] for i in range(240)])
    found = told("{kind: reliability, log: bay, of: [grip_loss], course: replay}", data)
    assert not any("wanders" in e.path for e in found.estimates)
