import pytest

from twin.calibrate.episodelog import read_episode_log
from twin.calibrate.given import Given
from twin.calibrate.logspec import EpisodeLog
from twin.calibrate.spec import load_plan
from twin.cli import main
from twin.core.errors import SpecError, TableError
from twin.log.episodes import episode_frame

PLAN = """\
calibrate: bay
logs:
  wifi: {path: rtt.csv, header: false, columns: {rtt: {column: 1, unit: ms}}}
parts: [{kind: network, log: wifi, link: wifi}, {kind: delays, log: wifi, robot: arm}, {kind: delays, log: wifi, robot: arm}]
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "rtt.csv").write_text("5\n6.5\n7\n")
    return tmp_path / "plan.yaml"


def problems(plan, old, new):
    plan.write_text(PLAN.replace(old, new))
    with pytest.raises(SpecError) as error:
        load_plan(plan)
    return [str(problem).split("plan.yaml:")[1] for problem in error.value.problems]


def signal(plan):
    spec = load_plan(plan).spec
    return Given(dict(spec.logs), plan.parent, {}).signals("wifi").signal("rtt").tolist()


def test_parts_of_one_kind_are_numbered(plan):
    assert [name for name, _ in load_plan(plan).parts()] == ["network", "delays-1", "delays-2"]


def test_a_column_comes_in_si(plan):
    assert signal(plan) == pytest.approx([0.005, 0.0065, 0.007])


def test_signs_scales_and_offsets_may_be_told_column_by_column(plan):
    (plan.parent / "rtt.csv").write_text("5,1\n6,2\n")
    old, new = "{column: 1, unit: ms}", "{column: [1, 2], sign: [1, -1], scale: [1, 0.5], offset: [0, 3]}"
    plan.write_text(PLAN.replace(old, new))
    assert signal(plan) == [[5, 2.5], [6, 2]]
    plan.write_text(PLAN.replace(old, new.replace("[0, 3]", "[0, 3, 4]")))
    with pytest.raises(TableError, match="offset has 3 values for 2 columns"):
        signal(plan)


def test_every_mistake_is_told_with_its_place(plan):
    wrong = "{kind: netwrk, log: wifi}, {kind: network, log: wify, link: wifi}"
    found = problems(plan, "{kind: network, log: wifi, link: wifi}", wrong)
    assert [text[:4] for text in found] == ["4:16", "4:57"]
    assert "did you mean 'network'" in found[0] and "did you mean 'wifi'" in found[1]


def test_an_unknown_unit_is_refused_with_the_nearest(plan):
    assert "unknown unit 'msec'" in problems(plan, "unit: ms", "unit: msec")[0]


def test_a_row_without_a_number_is_refused_with_its_line(plan):
    (plan.parent / "rtt.csv").write_text("5\nnan\n7\n")
    with pytest.raises(TableError, match=r"rtt.csv:2: row 2, column '1': no number; mend the log, or say nan: drop"):
        signal(plan)


def test_a_pickle_is_refused(plan):
    (plan.parent / "rtt.pkl").write_bytes(b"\x80\x04K\x01.")
    plan.write_text(PLAN.replace("rtt.csv", "rtt.pkl"))
    with pytest.raises(TableError, match="a pickle runs code"):
        signal(plan)


def test_a_log_of_episodes_may_be_taken_in_two_parts_that_share_nothing(tmp_path):
    known = {"source": "real", "schema": 1, "cell": "a", "censored": False}
    rows = [known | {"episode": i, "start_s": 30.0 * i, "duration_s": 20.0} for i in range(10)]
    episode_frame(rows).to_parquet(tmp_path / "log.parquet")
    logs = [
        read_episode_log("bay", EpisodeLog(kind="episodes", path="log.parquet", share=share), tmp_path)
        for share in ((0.0, 0.6), (0.6, 1.0))
    ]
    assert [log.frame["episode"].tolist() for log in logs] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]
    assert logs[0].source.startswith("bay[0, 0.6] ")
    with pytest.raises(TableError, match="no episode of 10 lies in share"):
        read_episode_log("bay", EpisodeLog(kind="episodes", path="log.parquet", share=(0.51, 0.52)), tmp_path)


def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(plan, capsys):
    assert main(["calibrate", str(plan), "--out", str(plan.parent / "nowhere" / "o.yaml")]) == 2
    assert "there is no folder" in capsys.readouterr().err
