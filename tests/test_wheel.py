"""What a user gets who installs the twin without its checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """A folder into which the wheel of this tree was unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def twin(installed, *words):
    """The command line of the unpacked wheel, run where no checkout is near."""
    code = "import sys; from twin.cli import main; sys.exit(main(sys.argv[1:]))"
    path = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=installed, env=path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", ["assets", "scenarios"])
def test_a_wheel_carries_all_that_ships(installed, root, folder):
    shipped = {p.relative_to(root / folder) for p in (root / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"}
    carried = installed / "twin" / f"_{folder}"
    assert shipped == {p.relative_to(carried) for p in carried.rglob("*") if p.is_file()}


def test_a_wheel_carries_neither_tests_nor_benchmarks(installed):
    assert {p.name for p in installed.iterdir() if not p.name.endswith(".dist-info")} == {"twin"}


def test_an_installed_twin_knows_its_scenarios_by_name(installed):
    done = twin(installed, "check", "quickstart")
    assert done.returncode == 0, done.stderr


def test_the_console_script_is_the_command_line(installed):
    (entries,) = installed.glob("*.dist-info/entry_points.txt")
    assert "twin = twin.__main__:main" in entries.read_text()
