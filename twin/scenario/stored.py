"""A scenario as it is kept in a run folder, and back: what a replay runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twin.core.errors import RunFolderError
from twin.core.spec import Spec
from twin.scenario.arms import files_of
from twin.scenario.cells import expand, only_site
from twin.scenario.load import Scenario
from twin.scenario.spec import ScenarioSpec
from twin.scenario.use import resolve, source_digest
from twin.world.engines import need


class Stored(Spec):
    """What run.json holds of a scenario."""

    spec: ScenarioSpec
    path: str
    digest: str
    engine: str
    code: dict[str, str]
    assets: dict[str, str]


def stored(scenario: Scenario) -> dict[str, Any]:
    """Plain data from which `revive` makes the same scenario, wherever its files went."""
    return {
        "spec": scenario.spec.model_dump(mode="json", by_alias=True),
        "path": str(scenario.path),
        "digest": scenario.digest,
        "engine": scenario.engine,
        "code": dict(scenario.code),
        "assets": dict(scenario.assets),
    }


def revive(data: Mapping[str, Any]) -> Scenario:
    """The scenario of a run folder. Raises `RunFolderError` where it is not one, or where the user's code changed since."""
    try:
        kept = Stored.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise RunFolderError(f"run.json holds no scenario that this version can run: {error}") from error
    need(kept.engine)
    spec, path = kept.spec, Path(kept.path)
    code = {use: source_digest(resolve(use, path.parent)) for use in kept.code}
    assets = files_of(spec, path.parent)
    if moved := sorted(name for name, digest in assets.items() if kept.assets.get(name) != digest):
        raise RunFolderError(f"{', '.join(moved)} is not what it was when this run was made; a replay needs the same assets")
    changed = [use for use, digest in kept.code.items() if code[use] != digest]
    if changed:
        raise RunFolderError(
            f"the code of {', '.join(changed)} is not what it was when this run was made; a replay needs the same code"
        )
    cells = tuple(expand(enumerate(spec.fleet.cells), only_site(spec.fleet.sites)))
    return Scenario(spec, path, spec.scenario, spec.seed, kept.digest, cells, kept.engine, code, kept.assets)
