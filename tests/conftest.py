"""What every room's tests share: where real measurements lie, and how hypothesis is set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "twin",
    max_examples=50,
    deadline=None,  # no timed asserts: a loaded machine is not a bug
    derandomize=True,  # the same examples on every machine, so that a failure is everybody's
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("twin")


def _real_data() -> Path:
    return Path(os.environ.get("TWIN_REAL_DATA") or ROOT / ".." / "shared" / "real").resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs real measurements where they are not at hand, and say so."""
    folder = _real_data()
    if folder.is_dir():
        return
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.skip(reason=f"no real measurements at {folder} (set TWIN_REAL_DATA)"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real measurements; a test that asks for it carries the marker `real`."""
    return _real_data()
