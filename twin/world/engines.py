"""The engines that a farm runs on, by name, and what each of them cannot do to its physics."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from twin.core.errors import InputError, nearest

ENGINES = ("mujoco", "kinematic", "pybullet")
"""What `--engine` takes; the first is the usual one."""
BOTH = ("mujoco", "pybullet")
"""The two that `--engine both` sets side by side."""
CANNOT: Mapping[str, Mapping[str, str]] = {
    "mujoco": {},
    "kinematic": {"brake": "its physics has no forces, so that every brake holds: use --engine mujoco"},
    "pybullet": {
        "tack": "Bullet's contacts push and rub but never hold on: use --engine mujoco",
        "jam": "Bullet's contacts push and rub but never hold on: use --engine mujoco",
    },
}
"""Fields of `World.set_field` in which a fault would do nothing on an engine, and why."""


def need(engine: str) -> None:
    """Raises InputError where an engine is unknown, or is an extra that is not installed."""
    if engine not in ENGINES:
        raise InputError(f"unknown engine {engine!r}{nearest(engine, ENGINES)}")
    if engine == "pybullet" and importlib.util.find_spec("pybullet") is None:
        raise InputError("--engine pybullet needs PyBullet, which is not installed: pip install 'robot-farm-twin[pybullet]'")
