"""The plan of a calibration, and its reading: all mistakes at once, each with its place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from twin.calibrate.actuators.spec import ActuatorsSpec
from twin.calibrate.delays.spec import DelaysSpec
from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.episodes.spec import EpisodesSpec
from twin.calibrate.farmcheck.spec import FarmSpec
from twin.calibrate.logspec import LogSpec
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.operations.spec import OperationsSpec
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.core.errors import Problem, SpecError, nearest
from twin.core.spec import Spec
from twin.core.yaml import Document, read
from twin.scenario.messages import another, explain

AnyPart = Annotated[
    DynamicsSpec | ActuatorsSpec | DelaysSpec | NetworkSpec | ReliabilitySpec | OperationsSpec | EpisodesSpec | FarmSpec,
    Field(discriminator="kind"),
]


class PlanSpec(Spec):
    """A calibration plan: which logs tell which parts of the fleet file."""

    calibrate: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    """The plan's name."""
    about: str = ""
    fleet: str | None = None
    """The fleet file, beside the plan, that the overlay is for."""
    logs: dict[str, LogSpec] = Field(min_length=1)
    parts: tuple[AnyPart, ...] = Field(min_length=1)
    confidence: float = Field(default=0.9, gt=0.5, lt=1)
    """Of every interval."""
    seed: int = Field(default=0, ge=0)
    """Of what is resampled."""


@dataclass(frozen=True)
class Plan:
    """A plan that holds together, and the file it stands in."""

    spec: PlanSpec
    path: Path
    places: tuple[str, ...] = ()
    """Of each part: file:line:column."""

    def place(self, part: int) -> str:
        """Where a part stands, by its number from 0."""
        return self.places[part] if part < len(self.places) else str(self.path)

    @property
    def folder(self) -> Path:
        """Where the plan's relative paths start."""
        return self.path.parent

    def parts(self) -> Iterator[tuple[str, AnyPart]]:
        """Every part with its name: its own, or its kind, numbered where several are of one kind."""
        kinds = [part.kind for part in self.spec.parts]
        for i, part in enumerate(self.spec.parts):
            count = kinds[: i + 1].count(part.kind)
            yield part.name or (part.kind if kinds.count(part.kind) == 1 else f"{part.kind}-{count}"), part


def load_plan(path: str | Path) -> Plan:
    """A plan by its path. Raises `SpecError` with all problems."""
    file = Path(path)
    document = read(file, str(path))
    if not isinstance(document.data, dict):
        raise SpecError(document.problems)
    if (other := another(document, "calibrate")) is not None:
        raise SpecError([other])
    problems = list(document.problems)
    spec: PlanSpec | None = None
    try:
        spec = PlanSpec.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        problems += explain(error.errors(include_url=False), document, PlanSpec)
    problems += _names(document) + _fleet(document, file.parent)
    if problems or spec is None:
        raise SpecError(sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column)))
    found = (document.at(("parts", i), "") for i in range(len(spec.parts)))
    return Plan(spec, file.resolve(), tuple(f"{one.file}:{one.line}:{one.column}" for one in found))


def _names(document: Document) -> list[Problem]:
    """Parts that name a log that does not exist; two parts of one name."""
    data, out = document.data, []
    logs = data.get("logs") if isinstance(data.get("logs"), dict) else None
    first: dict[str, int] = {}
    for i, part in enumerate(data["parts"] if isinstance(data.get("parts"), list) else ()):
        name = part.get("log") if isinstance(part, dict) else None
        if isinstance(name, str) and logs is not None and name not in logs:
            out.append(document.at(("parts", i, "log"), f"unknown log {name!r}{nearest(name, logs, what='logs')}"))
        own = part.get("name") if isinstance(part, dict) else None
        if isinstance(own, str) and first.setdefault(own, i) != i:
            out.append(document.at(("parts", i, "name"), f"the name {own!r} is that of another part already"))
    return out


def _fleet(document: Document, folder: Path) -> list[Problem]:
    name = document.data.get("fleet")
    if not isinstance(name, str) or (folder / name).is_file():
        return []
    known = [os.path.relpath(found, folder) for found in sorted(folder.glob("*.yaml"))]
    return [document.at(("fleet",), f"no fleet file {name!r} beside the plan{nearest(name, known)}")]
