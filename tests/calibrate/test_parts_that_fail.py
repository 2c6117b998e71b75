"""A part that fails takes nothing from the others, and is told with its place; nothing is written where nothing was found."""

import json

import numpy as np
import pytest

from twin.calibrate.overlay import read_estimates
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import attempt
from twin.cli import main
from twin.core.chance import Chance

PLAN = """\
calibrate: bay
logs:
  wifi: {path: rtt.csv, header: false, columns: {rtt: {column: 1, unit: ms}}}
  short: {path: short.csv, header: false, columns: {rtt: {column: 1, unit: ms}}}
parts:
  - {kind: network, name: broken, log: short, link: lan}
  - {kind: network, name: sound, log: wifi, link: wifi, max_regimes: 1, families: [empirical_tail]}
  - {kind: network, name: again, log: wifi, link: wifi, max_regimes: 1, families: [empirical_tail]}
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    delays = 5 * np.exp(0.5 * Chance(5).stream("test", "delays").standard_normal(600))
    (tmp_path / "rtt.csv").write_text("\n".join(f"{v:.4f}" for v in delays))
    (tmp_path / "short.csv").write_text("5\n6\n7\n")
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path / "plan.yaml"


def test_what_other_parts_found_is_written_and_what_failed_is_told_with_its_place(plan, capsys):
    assert main(["calibrate", "plan.yaml", "--report", "r.html"]) == 2
    shown = capsys.readouterr()
    assert "plan.yaml:6:5: part 'broken': log 'short': " in shown.err and "too few to tell a tail" in shown.err
    assert "plan.yaml:8:5: part 'again': the parts 'sound' and 'again' both fit links.wifi" in shown.err
    assert "--only broken --only again" in shown.out
    told = read_estimates(plan.parent / "bay-overlay.yaml")
    assert any(name.startswith("links.wifi") for name in told) and not any("lan" in name for name in told)
    assert 'failed: ["broken", "again"]' in (plan.parent / "bay-overlay.yaml").read_text()
    assert "plan.yaml:6:5: part &#39;broken&#39;" in (plan.parent / "r.html").read_text()


def test_scripts_read_it_too(plan, capsys):
    assert main(["calibrate", "plan.yaml", "--json", "--only", "broken", "--only", "sound"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert [part["name"] for part in told["parts"]] == ["sound"] and told["status"] == 2
    assert [(one["name"], one["place"]) for one in told["failed"]] == [("broken", "plan.yaml:6:5")]


def test_where_no_part_found_anything_nothing_is_written(plan, capsys):
    assert main(["calibrate", "plan.yaml", "--only", "broken", "--report", "r.html"]) == 2
    assert "plan.yaml:6:5: part 'broken': " in capsys.readouterr().err
    assert sorted(file.name for file in plan.parent.iterdir()) == ["plan.yaml", "rtt.csv", "short.csv"]


def test_a_farm_is_not_checked_with_parts_that_failed(plan):
    plan.write_text(PLAN[: PLAN.index("  - {kind: network, name: again")] + "  - {kind: farm, log: wifi, scenario: s.yaml}\n")
    found = attempt(load_plan(plan))
    assert [one.name for one in found.failed] == ["broken", "farm"]
    assert "rests on the parts before it, of which 'broken' failed" in str(found.failed[1])
