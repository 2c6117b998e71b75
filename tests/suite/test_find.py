import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.errors import InputError, SpecError
from twin.suite.find import is_scenario, scenario_files


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("scenario: tidy\n", True),
        ("# about\nduration_s: 3\n'scenario': tidy\n", True),
        ("{scenario: tidy, duration_s: 3}\n", True),
        ("scenario: {name: x}\nduration_s: 3\n", True),
        ("scenario: tidy\njobs: [\n", True),
        ("scenario: {name: default, test_sequence: []}\n", False),
        ("services:\n  scenario: x\n", False),
        ("- scenario: x\n", False),
        ("about: a scenario\n", False),
        ("scenario\n", False),
        ("", False),
    ],
)
def test_a_scenario_is_known_by_its_top_level_keys(tmp_path, text, ours):
    (tmp_path / "f.yaml").write_text(text)
    assert is_scenario(tmp_path / "f.yaml") is ours


@given(raw=st.binary() | st.text(alphabet="scenario:{}[]-&*!\n\t x").map(str.encode))
def test_no_file_is_too_strange_to_be_looked_at(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("strange") / "f.yaml"
    path.write_bytes(b"scenario" + raw)
    assert is_scenario(path) in (True, False)


def test_a_folder_is_searched_in_order_but_not_what_is_hidden_or_installed(write, tmp_path):
    for name in ("b", "a", "deep/c", ".git/d", "lib/site-packages/e"):
        write(name)
    (tmp_path / "fleet.yaml").write_text("fleet: x\ncells: []\n")
    assert [path.stem for path in scenario_files([tmp_path])] == ["a", "b", "c"]


def test_a_file_given_twice_counts_once(write, tmp_path):
    path = write("a")
    assert scenario_files([path, "a.yaml", tmp_path]) == [path]


def test_a_shipped_name_will_do():
    assert scenario_files(["tiny"])[0].name == "tiny.yaml"


def test_a_folder_without_a_scenario_is_refused(tmp_path):
    with pytest.raises(InputError, match="no scenario in this folder"):
        scenario_files([tmp_path])


def test_what_does_not_exist_is_refused(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        scenario_files([tmp_path / "gone.yaml"])
