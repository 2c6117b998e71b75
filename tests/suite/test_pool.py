"""Workers that die, hang and are killed; suites that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import suite as benchmark
from twin.suite.plan import plan
from twin.suite.pool import Workers, run_units

pytestmark = pytest.mark.slow


@pytest.fixture
def mixed(write):
    """Three sound units, one whose worker dies, one that hangs, one that is refused while it runs."""
    write("a", more="scheduler: {use: 'mine:Mine'}")
    for do in ("die", "hang"):
        write(do, more=f"scheduler: {{use: 'mine:Mine', with: {{do: {do}}}}}")
    return plan(["a.yaml"], seeds=3, engine="kinematic") + plan(["die.yaml", "hang.yaml"], engine="kinematic")


def test_a_worker_that_dies_or_hangs_costs_its_own_unit_only(mixed, tmp_path):
    out, seen = tmp_path / "out", []
    found = run_units(mixed, out, workers=2, timeout_s=8, seen=seen.append)
    assert {(row.scenario, row.seed): row.verdict for row in found.rows} == {
        ("a", 0): "pass",
        ("a", 1): "pass",
        ("a", 2): "pass",
        ("die", 0): "lost",
        ("hang", 0): "lost",
    }
    reasons = {row.scenario: row.reasons[0] for row in found.bad()}
    assert "its worker died (exit code -9)" in reasons["die"]
    assert "more than 8 s" in reasons["hang"]
    assert sorted(map(id, seen)) == sorted(map(id, found.rows))
    alone = run_units(mixed[:3], tmp_path / "alone", workers=1)
    assert alone.rows == found.rows[:3] or [r.hash for r in alone.rows] == [r.hash for r in found.rows[:3]]
    with Workers(1) as never_started:
        assert all(row.stored for row in never_started.run(mixed[:3], out).rows)
        assert never_started._pool is None


def units_of(folder):
    return sorted(path.parent.name for path in folder.glob("*/*/run.json"))


def wait_for(holds, seconds=180.0):
    ends = time.monotonic() + seconds
    while not holds() and time.monotonic() < ends:
        time.sleep(0.05)
    return holds()


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(child) for child in listed.split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_suite_that_is_killed_loses_no_finished_unit_and_leaves_no_worker(write, tmp_path):
    write("a", more="scheduler: {use: 'mine:Mine', with: {do: slow}}")
    command = [
        sys.executable,
        "-m",
        "twin",
        "suite",
        "a.yaml",
        "--seeds",
        "6",
        "--engine",
        "kinematic",
        "--out",
        "out",
        "--json",
        "--workers",
        "1",
    ]
    suite = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert wait_for(lambda: len(units_of(tmp_path / "out")) >= 2)
    workers = children(suite.pid)
    suite.send_signal(signal.SIGKILL)
    suite.wait()
    assert wait_for(lambda: not any(map(alive, workers)))
    before = units_of(tmp_path / "out")
    assert 2 <= len(before) < 6
    again = subprocess.run([*command[:4], "--resume", *command[9:]], capture_output=True, text=True, check=False)
    found = json.loads(again.stdout)
    assert (again.returncode, found["counts"]) == (0, {"pass": 6})
    assert sorted(Path(u["folder"]).name for u in found["units"] if u["stored"]) == before


def test_the_units_of_the_benchmark_pass(here, tmp_path):
    assert here(benchmark.units(1, tmp_path), tmp_path).verdict == "pass"
