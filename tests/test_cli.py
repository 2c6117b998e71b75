"""The commands as a user meets them: what they print, what they answer to mistakes, their exit status."""

from __future__ import annotations

import errno
import json
import re
import signal
import subprocess
import sys

import pytest

from twin import cli
from twin.__main__ import main as start
from twin.cli import COMMANDS, main
from twin.core.errors import Interrupted
from twin.judge import certificate, gate
from twin.judge.gate import Requirement, Run


def answer(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = main(argv)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def raising(monkeypatch):
    """Make `twin check` raise."""

    def spoil(error: BaseException) -> None:
        def run(arguments):
            raise error

        monkeypatch.setitem(cli.COMMANDS, "check", (*COMMANDS["check"][:2], run, COMMANDS["check"][3]))

    return spoil


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_with_an_example_and_speaks_json(capsys, name):
    status, out, _ = answer(capsys, name, "--help")
    assert status == 0
    assert f"example:\n  twin {name}" in out
    assert "--json" in out


def test_the_help_names_every_command(capsys):
    status, out, _ = answer(capsys, "--help")
    assert status == 0
    assert set(COMMANDS) <= set(re.findall(r"^    ([\w-]+)", out, re.MULTILINE))


def test_a_misspelt_command_is_told_the_nearest(capsys):
    status, _, err = answer(capsys, "rpelay")
    assert status == 2
    assert "unknown command 'rpelay'" in err
    assert "did you mean 'replay'?" in err


def test_no_command_is_refused(capsys):
    assert answer(capsys)[0] == 2


def test_a_sound_scenario_is_told_what_to_run_next(capsys):
    status, out, _ = answer(capsys, "check", "quickstart")
    assert (status, out) == (0, "quickstart: sound\n\nnext:  twin run quickstart\n")


def test_mistakes_are_listed_with_their_places(capsys, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("scenario: s\nduration: 3\n")
    status, out, _ = answer(capsys, "check", str(path))
    assert status == 2
    assert f"{path}:2:1: unknown key 'duration'; this is given in s: 'duration_s'" in out
    assert "3 problems" in out


def test_mistakes_as_json_have_line_and_column(capsys, tmp_path):
    (tmp_path / "s.yaml").write_text("scenario: s\nscenario: t\n")
    status, out, _ = answer(capsys, "check", str(tmp_path / "s.yaml"), "--json")
    places = [(problem["line"], problem["column"]) for problem in json.loads(out)["problems"]]
    assert status == json.loads(out)["status"] == 2
    assert (2, 1) in places


def test_a_run_of_a_wrong_scenario_is_refused_with_all_mistakes(capsys, tmp_path):
    (tmp_path / "s.yaml").write_text("scenario: s\nduration_s: -3\n")
    status, out, err = answer(capsys, "run", str(tmp_path / "s.yaml"), "--json")
    assert status == 2
    assert "3 problems:" in err
    assert len(json.loads(out)["problems"]) == 3


def test_an_unknown_scenario_is_told_what_ships(capsys):
    status, _, err = answer(capsys, "run", "quickstrat")
    assert status == 2
    assert "did you mean 'quickstart'?" in err


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "tiny", "--threads", "0"],
        ["run", "tiny", "--engine", "havok"],
        ["run", "tiny", "--sed", "3"],
        ["compare", "tiny", "tiny", "--engine", "both"],
    ],
)
def test_a_wrong_option_is_refused(capsys, argv):
    assert answer(capsys, *argv)[0] == 2


@pytest.mark.parametrize("argv", [["run", "tiny", "--seed", "-1"], ["run", "tiny", "--duration-s", "0"]])
def test_a_senseless_override_is_refused(capsys, argv):
    status, _, err = answer(capsys, *argv)
    assert status == 2
    assert "must be" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["suite"], "name scenario files"),
        (["suite", "tiny", "--resume"], "--resume takes what was asked last time"),
        (["suite", "--resume", "--out", "nowhere"], "no suite was begun here"),
        (["suite", "tiny", "--timeout-s", "0", "--out", "x"], "--timeout-s must be above 0"),
        (["gate"], "name the candidate's scenarios"),
        (["gate", "tiny", "--work", "x"], "nothing in this suite can be shown by statistics"),
        (["gate", "tiny", "--verify", "c.json"], "takes a certificate and nothing else"),
        (["gate", "--verify", "c.json"], "cannot be read"),
        (["compare", "sim.csv", "real.csv"], "sim.csv"),
        (["agreement", "pairs.csv"], "pairs.csv"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused_before_anything_runs(capsys, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    status, _, err = answer(capsys, *argv)
    assert status == 2
    assert words in err


@pytest.mark.parametrize("command", ["replay", "report"])
def test_what_is_no_run_folder_is_refused(capsys, tmp_path, command):
    status, _, err = answer(capsys, command, str(tmp_path / "nothing"))
    assert status == 2
    assert "no such run folder" in err


def test_the_schema_is_printed_as_json(capsys):
    status, out, _ = answer(capsys, "schema", "--fleet")
    assert status == 0
    assert json.loads(out)["title"] == "FleetSpec"


def test_faults_can_be_asked_by_component(capsys):
    status, out, _ = answer(capsys, "faults", "link", "--json")
    assert status == 0
    assert {"latency", "loss"} < {fault["mode"] for fault in json.loads(out)}


def test_an_unknown_component_is_told_the_nearest(capsys):
    status, _, err = answer(capsys, "faults", "lnik")
    assert status == 2
    assert "did you mean 'link'?" in err


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted("stopped"), 130, "stopped"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 2, "the disk cannot take"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), 2, "aaa: File name too long"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/x"), 2, "runs/x: Permission denied"),
    ],
)
def test_what_happens_to_a_user_has_its_exit_status(capsys, raising, error, status, words):
    raising(error)
    found, _, err = answer(capsys, "check", "tiny")
    assert found == status
    assert words in err


def test_a_bug_shows_itself(raising):
    raising(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["check", "tiny"])


def test_check_never_imports_the_physics():
    heavy = "sum(name in sys.modules for name in ('mujoco', 'pandas', 'scipy', 'matplotlib'))"
    code = f"import sys; from twin.cli import main; sys.exit(main(['check', 'quickstart']) + {heavy})"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_the_help_loads_no_scenario_and_a_closed_stdout_is_no_bug():
    code = "import sys; from twin.cli import main; main(['--help']); sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m twin faults >&-"], check=False, capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)


def test_whoever_interrupts_before_anything_runs_sees_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr("twin.cli.main", lambda: signal.raise_signal(signal.SIGINT))
    assert start() == 130 and capsys.readouterr().err == "twin: interrupted\n"


def test_python_m_twin_is_twin_and_a_closed_pipe_is_neither_told_nor_a_pass():
    command = f"set -o pipefail; {sys.executable} -m twin schema | head -c 1"
    done = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("{", "", 141)


def test_a_suite_its_files_and_its_json(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setattr("twin.suite.pool.Workers.run", lambda self, units, out, seen: unpassed(units, seen))
    files = ["--junit", str(tmp_path / "j.xml"), "--summary", str(tmp_path / "s.md"), "--out", str(tmp_path / "out")]
    status, out, err = answer(capsys, "suite", "tiny", "--seeds", "2", "--json", *files)
    assert (status, json.loads(out)["counts"]) == (4, {"undecided": 1, "pass": 1})
    assert "::error file=" in err
    assert (tmp_path / "j.xml").is_file()
    assert (tmp_path / "s.md").is_file()
    assert answer(capsys, "suite", "--resume", "--out", str(tmp_path / "out"))[0] == 4


def unpassed(units, seen):
    """Results of two units, made up; the second is undecided."""
    from twin.suite.results import Results, row

    rows = [row(u, None, {"verdict": v, "reasons": ["a reason"]}) for u, v in zip(units, ["pass", "undecided"], strict=True)]
    for each in rows:
        seen(each)
    return Results.of(rows)


def test_a_certificate_is_verified_and_an_edited_one_refused(capsys, tmp_path):
    requirement = Requirement("r", "s", at_least=0.5)
    seeds = gate.seeds("1.0", 12)
    runs = [Run("s", i, seed, "h", {"r": 1.0}) for i, seed in enumerate(seeds)]
    path = certificate.write(tmp_path / "c.json", gate.decide([requirement], runs, release="1.0"))
    assert answer(capsys, "gate", "--verify", str(path))[0] == 0
    path.write_text(path.read_text().replace('"decision": "release"', '"decision": "block"'))
    status, out, _ = answer(capsys, "gate", "--verify", str(path), "--json")
    assert (status, json.loads(out)["valid"]) == (2, False)


def test_agreement_is_told_as_text_and_as_json(capsys, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("task,policy,real,sim\n" + "".join(f"t,p{i},{i / 10},{i / 10}\n" for i in range(6)))
    assert "pearson 1.000" in answer(capsys, "agreement", str(path))[1]
    assert json.loads(answer(capsys, "agreement", str(path), "--json")[1])["t"]["mmrv"]["value"] == 0


def test_a_run_a_replay_and_their_json(capsys, tmp_path):
    status, out, _ = answer(
        capsys, "run", "tiny", "--duration-s", "30", "--engine", "kinematic", "--out", str(tmp_path), "--json"
    )
    found = json.loads(out)
    assert status == found["status"]
    assert answer(capsys, "replay", found["folder"])[0] == 0
    compared = answer(capsys, "compare", found["folder"], found["folder"], "--margin", "success=0.2", "--json")
    assert (compared[0], len(json.loads(compared[1])["groups"])) == (0, 1)
