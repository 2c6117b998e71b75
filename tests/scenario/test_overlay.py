import pytest

from twin.core.errors import SpecError
from twin.scenario.load import check, load, load_fleet

SCENARIO = """\
scenario: laid_over
overlay: overlay.yaml
fleet:
  fleet: two
  grippers: {hand: {stroke_mm: 80, force_N: 40}}
  robots: {ur3: {model: ur3, gripper: hand}}
  links: {wifi: {latency_ms: 20}}
  resets: [{kind: automatic}]
  cells: [{name: left, link: wifi, robots: [{robot: ur3, serial: A-1}]}, {name: right, robots: [{robot: ur3, serial: A-2}]}]
jobs: [{kind: poisson, per_hour: 300}]
duration_s: 60
"""


@pytest.fixture
def laid(tmp_path):
    (tmp_path / "scenario.yaml").write_text(SCENARIO)

    def over(overlay):
        (tmp_path / "overlay.yaml").write_text("overlay: bay\n" + overlay)
        return load(tmp_path / "scenario.yaml").spec.fleet

    return over


def test_a_value_with_its_interval_is_laid_over_the_fleet(laid):
    fleet = laid("links: {wifi: {loss: {value: 0.01, low: 0.005, high: 0.02, n: 400, date: 2026-01-05}}}")
    assert fleet.links["wifi"].loss == 0.01 and fleet.links["wifi"].latency_ms == 20


def test_a_distribution_replaces_what_stood_there(laid):
    fleet = laid("links: {wifi: {latency_ms: {kind: lognormal, median: {value: 4.9, low: 4.8, high: 5}, sigma: 0.7}}}")
    assert fleet.links["wifi"].latency_ms.median == 4.9


def test_the_robot_of_a_serial_becomes_a_kind_of_its_own(laid):
    fleet = laid("serials: {A-2: {reliability: {repair_h: {value: 7}}}}")
    left, right = (fleet.robots[cell.robots[0].robot] for cell in fleet.cells)
    assert (left.reliability.repair_h, right.reliability.repair_h) == (2, 7)


def test_a_fleet_in_its_own_file_is_read_by_itself(tmp_path):
    fleet = SCENARIO.split("fleet:\n", 1)[1].split("jobs:")[0].replace("\n  ", "\n").strip()
    (tmp_path / "fleet.yaml").write_text(fleet)
    assert check(tmp_path / "fleet.yaml") == [] and load_fleet(tmp_path / "fleet.yaml").fleet == "two"
    with pytest.raises(SpecError, match="a fleet file is wanted"):
        load_fleet("tiny")


def test_what_the_fleet_lacks_is_told_at_its_place_in_the_overlay(laid):
    with pytest.raises(SpecError, match=r"overlay.yaml:2:15: the fleet has no links 'wify'.*did you mean 'wifi'"):
        laid("links: {wify: {loss: 0.1}}")


def test_a_value_that_cannot_be_is_refused_at_its_place_in_the_overlay(laid):
    with pytest.raises(SpecError, match=r"overlay.yaml:2:22"):
        laid("links: {wifi: {loss: {value: 1.5}}}")


def test_an_entry_of_a_list_is_named_by_its_number_or_its_name(laid):
    fleet = laid("resets: {0: {success: {value: 0.7}}}\ncells: {right: {detector: {false_positive: 0.2}}}")
    assert fleet.resets[0].success == 0.7 and fleet.resets[0].attempts == 3
    assert [cell.detector.false_positive for cell in fleet.cells] == [0, 0.2]


def test_an_entry_that_is_not_there_is_told(laid):
    with pytest.raises(SpecError, match=r"the fleet has no cells 'rigth'.*did you mean 'right'"):
        laid("cells: {rigth: {detector: {false_positive: 0.2}}}")


def test_a_fault_that_the_fleet_did_not_know_is_added(laid):
    fleet = laid("faults: {stop: {component: safety, mode: protective_stop, onset: {rate_per_h: {value: 50}}, recover_s: 4}}")
    assert fleet.faults["stop"].onset.rate_per_h == 50


def test_a_fault_of_the_fleet_is_checked_as_one_of_the_scenario(laid):
    with pytest.raises(SpecError, match=r"overlay.yaml:2:\d+: no cell matches 'middle'"):
        laid("faults: {stop: {component: safety, mode: protective_stop, target: middle, onset: {rate_per_h: 50}}}")


@pytest.mark.parametrize("written", ["robot: ur3, serial: B", "robot: ur3"])
def test_one_robot_of_many_cells_alike_is_reached_by_its_serial(tmp_path, written):
    alike = SCENARIO.replace("  cells: [", f"  cells: [{{name: c, count: 12, robots: [{{{written}}}]}}, ")
    serial = "B-07" if "serial" in written else "c07-r1"
    (tmp_path / "overlay.yaml").write_text(f"overlay: bay\nserials: {{{serial}: {{reliability: {{repair_h: 7}}}}}}\n")
    for name, text in (("plain", alike.replace("overlay: overlay.yaml\n", "")), ("laid", alike)):
        (tmp_path / f"{name}.yaml").write_text(text)
    plain, over = (load(tmp_path / f"{name}.yaml") for name in ("plain", "laid"))
    told = [[(c.name, c.index, [r.serial for r in c.spec.robots]) for c in made.cells] for made in (plain, over)]
    assert told[0] == told[1]
    fitted = [c.name for c in over.cells if over.spec.fleet.robots[c.spec.robots[0].robot].reliability.repair_h == 7]
    assert fitted == ["c07"]


def test_a_mistake_behind_cells_written_out_keeps_its_place(tmp_path):
    wrong = SCENARIO.replace("  cells: [", "  cells: [{name: c, count: 12, robots: [{robot: ur3}]}, ").replace(
        "link: wifi,", "link: wify,"
    )
    (tmp_path / "overlay.yaml").write_text("overlay: bay\nserials: {c07-r1: {reliability: {repair_h: 7}}}\n")
    (tmp_path / "scenario.yaml").write_text(wrong)
    with pytest.raises(SpecError, match=r"scenario.yaml:9:76: unknown link 'wify'"):
        load(tmp_path / "scenario.yaml")


def test_an_onset_of_another_way_replaces_the_files_and_one_of_the_same_way_is_merged(laid):
    slip = "faults: {slip: {component: gripper, mode: slips, onset: {per_episode: 0.2, within_s: 3}}}"
    merged = laid(slip.replace("per_episode: 0.2, within_s: 3", "rate_per_h: {value: 9}, varies: {at_h: [0], times: [1]}"))
    assert merged.faults["slip"].onset.rate_per_h == 9
