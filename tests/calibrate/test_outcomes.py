"""An outcome model from a table, and back: the farm drawn from it makes a table like the one it came from."""

import json

import pytest

from tests.farm.drawn import AUTO, MODEL, drawn, rows
from tests.farm.scenes import Played, opened
from twin.calibrate.outcomes import fit, write
from twin.cli import main
from twin.core.errors import TableError
from twin.farm.outcomes import OutcomeModel
from twin.log.episodes import episode_frame


def table(n_good, n_bad=0, **more):
    one = {"task": "t", "robot_model": "r", "end_reason": "done", "truth": True}
    good = [one | {"episode": i, "duration_s": 20 + i / 100, **more} for i in range(n_good)]
    failed = {"truth": False, "end_reason": "timeout", "duration_s": 30.0}
    bad = [g | failed | {"episode": 1000 + g["episode"], **more} for g in good[:n_bad]]
    return episode_frame(good + bad)


def test_shares_and_durations_come_back_from_a_farm_that_was_drawn_from_the_model(tmp_path):
    first = Played(opened(tmp_path, drawn(resets=[AUTO | {"success": 1}], duration_s=60_000)))
    found = fit(episode_frame(rows(first)), "a drawn farm")
    model = OutcomeModel.model_validate_json(json.dumps(found.model))
    assert model.entries[0].task == "pick_place" and model.entries[0].policy == "mine@1"
    share = model.entries[0].results[0].share
    assert share.low <= MODEL["entries"][0]["results"][0]["share"] <= share.high and share.n == 1000
    again = Played(opened(tmp_path, drawn(outcomes=found.model, resets=[AUTO | {"success": 1}], duration_s=60_000)))
    spent = [sum(r["duration_s"] for r in rows(played)) for played in (first, again)]
    assert spent[1] == pytest.approx(spent[0], rel=0.03)


def test_a_later_attempt_of_a_goal_has_an_entry_of_its_own():
    retries = [{"episode": 100 + i, "attempt_of": i, "task": "t", "robot_model": "r", "end_reason": "done", "truth": i % 2 == 0,
                "duration_s": 9.0} for i in range(40)]  # fmt: skip
    first = [r | {"episode": r["attempt_of"], "attempt_of": None, "truth": False} for r in retries]
    entries = fit(episode_frame(first + retries), "x").model["entries"]
    assert [e.get("attempt") for e in entries] == [2, None] and len(entries[0]["results"]) == 2


def test_attempts_are_counted_in_every_run_for_itself():
    one = {"task": "t", "robot_model": "r", "end_reason": "done", "duration_s": 9.0}
    rows_ = [one | {"run": run, "episode": 100 * late + i, "attempt_of": i if late else None, "truth": i % 2 == 0}
             for run in ("a", "b") for late in (0, 1) for i in range(40)]  # fmt: skip
    assert [e.get("attempt") for e in fit(episode_frame(rows_), "x").model["entries"]] == [2, None]


def test_a_table_that_never_says_why_episodes_ended_has_them_done_and_says_so():
    found = fit(table(9, 3, end_reason=None), "x")
    assert {r["end_reason"] for r in found.model["entries"][0]["results"]} == {"done"} and "why episodes ended" in found.notes[
        0
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [(table(9), "one outcome only"), (table(9, truth=None), "none of the 9"), (table(9, 3, duration_s=None), "duration_s")],
)
def test_a_table_that_says_too_little_is_refused(data, told):
    with pytest.raises(TableError, match=told):
        fit(data, "x")


def test_a_fitted_file_stands_in_a_fleet_by_its_name(tmp_path, capsys):
    write(fit(table(60, 20), "made up").model, tmp_path / "outcomes.yaml")
    made = drawn(outcomes="outcomes.yaml", cells=[{"name": "a", "robots": [{"robot": "arm"}], "tasks": ["t"]}],
                 robots={"arm": {"model": "r"}}, jobs=[{"kind": "list", "jobs": [{"task": "t"}]}])  # fmt: skip
    assert opened(tmp_path, made).spec.fleet.outcomes.entries[0].n == 80
    made["fleet"]["outcomes"] = "outcome.yaml"
    (tmp_path / "s.yaml").write_text(json.dumps(made))
    assert main(["check", str(tmp_path / "s.yaml")]) == 2
    assert "did you mean 'outcomes.yaml'" in capsys.readouterr().out
