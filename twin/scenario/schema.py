"""JSON Schema (draft 2020-12) of the files, for editors: completion and checking while one types."""

from __future__ import annotations

from typing import Any

from twin.farm.spec import FleetSpec
from twin.scenario.spec import ScenarioSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(*, fleet: bool = False) -> dict[str, Any]:
    """The schema of scenario files, or of fleet files. Keys that begin with `x-` are the user's own everywhere."""
    root: type[ScenarioSpec] | type[FleetSpec] = FleetSpec if fleet else ScenarioSpec
    found = root.model_json_schema(by_alias=True)
    if not fleet:
        reference = found["properties"]["fleet"]
        by_name = {"type": "string", "description": "A fleet file, relative to the scenario file."}
        found["properties"]["fleet"] = {"anyOf": [by_name, reference]}
    return {"$schema": DIALECT, **_own_keys(found)}


def _own_keys(node: Any) -> Any:
    """The same schema with `x-` keys allowed in every mapping."""
    if isinstance(node, list):
        return [_own_keys(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _own_keys(value) for key, value in node.items()}
    if out.get("type") == "object":
        out["patternProperties"] = {"^x-": {}}  # additionalProperties judges only what no pattern matches
    return out
