"""The fitted model as the robot of a fleet: its file, the sidecar of the model that was given, and a line of the overlay."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.given import Given
from twin.calibrate.result import Estimate
from twin.core.errors import InputError, StorageError, nearest


def check(spec: DynamicsSpec, given: Given) -> Path | None:
    """The sidecar of the robot that is to run with the fitted model; None where the plan names none. Raises `InputError`."""
    if spec.robot is None:
        return None
    if given.fleet is None:
        raise InputError(f"`robot: {spec.robot}` is one of a fleet, and the plan names none: say `fleet: fleet.yaml`")
    if spec.robot not in given.fleet.robots:
        raise InputError(f"the fleet has no robot {spec.robot!r}{nearest(spec.robot, given.fleet.robots, what='robots')}")
    if spec.save is None:
        raise InputError(f"`robot: {spec.robot}` needs a file to run with: say `save: {spec.robot}-fitted.xml`")
    sidecar = (given.folder / spec.model).with_suffix(".yaml")
    if not sidecar.is_file():
        text = f"`robot: {spec.robot}` needs a sidecar {sidecar.name!r} beside {spec.model!r} (docs/robots.md)"
        raise InputError(f"{text}; arms that ship keep their own model")
    return sidecar


def estimates(spec: DynamicsSpec, given: Given, sidecar: Path | None, source: str) -> list[Estimate]:
    """The line that gives the fleet's robot the fitted model; its sidecar is put beside it. Raises `StorageError`."""
    if sidecar is None or spec.robot is None or spec.save is None:
        return []
    file = given.folder / spec.save
    if not file.with_suffix(".yaml").exists():
        try:
            shutil.copyfile(sidecar, file.with_suffix(".yaml"))
        except OSError as error:
            raise StorageError(f"{file.with_suffix('.yaml')} cannot be written: {error.strerror or error}") from error
    named = os.path.relpath(file.resolve(), given.fleet_folder.resolve())
    return [Estimate(("robots", spec.robot, "model"), named, source=source, method="the fitted model")]
