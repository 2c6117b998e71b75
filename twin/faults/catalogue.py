"""Every fault there is: at which port it acts and what its receipt measures. The one table of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, get_args

from twin.faults.spec import FAULTS


class Entry(NamedTuple):
    """A line of the catalogue."""

    port: str
    """sense, actuator, world, link (ports of a lane) or process (something that the farm does)."""
    effect: str
    """What its receipt measures."""
    unit: str


def _key(kind: type) -> tuple[str, str]:
    """(component, mode) of a kind of fault."""
    fields = kind.model_fields  # type: ignore[attr-defined]
    component, mode = (get_args(fields[name].annotation)[0] for name in ("component", "mode"))
    return component, mode


CATALOGUE: Mapping[tuple[str, str], Entry] = {_key(kind): Entry(kind.PORT, kind.EFFECT, kind.UNIT) for kind in FAULTS}
"""(component, mode) → port, effect, unit, as each kind of fault says of itself."""

UNITS: Mapping[tuple[str, str], str] = {key: entry.unit for key, entry in CATALOGUE.items()}
"""What each fault's effect is measured in."""

PORTS: Mapping[str, str] = {component: entry.port for (component, _), entry in CATALOGUE.items()}
"""The port at which each component's faults act: all of its modes at the same."""
