"""Every fault there is: one explicit list, from which the union that plans are read by and the catalogue follow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import Discriminator, Tag

from twin.core.spec import Spec
from twin.faults import (
    actuator,
    camera,
    compute,
    facility,
    gripper,
    joint,
    link,
    people,
    recorder,
    release,
    safety,
    sensor,
    workcell,
)
from twin.faults.spec import Fault

FAULTS: tuple[type[Fault], ...] = (
    *sensor.MODES,
    *actuator.MODES,
    *joint.MODES,
    *gripper.MODES,
    *camera.MODES,
    *link.MODES,
    *compute.MODES,
    *workcell.MODES,
    *safety.MODES,
    *recorder.MODES,
    *people.MODES,
    *facility.MODES,
    *release.MODES,
)
"""In the order in which `twin faults` lists them."""


def names(kind: type[Fault]) -> tuple[str, tuple[str, ...]]:
    """Component of a kind of fault, and its mode with other names of it."""
    fields = kind.model_fields
    return get_args(fields["component"].annotation)[0], get_args(fields["mode"].annotation)


TAGS: Mapping[tuple[str, str], str] = {
    (component, mode): f"{component}/{modes[0]}" for component, modes in map(names, FAULTS) for mode in modes
}
"""(component, mode), by any of its names → its tag in the union."""


def _tag(value: Any) -> str | None:
    found = value if isinstance(value, dict) else vars(value) if isinstance(value, Spec) else {}
    component, mode = found.get("component"), found.get("mode")
    return None if component is None or mode is None else TAGS.get((str(component), str(mode)), f"{component}/{mode}")


if TYPE_CHECKING:
    FaultSpec = Fault
else:
    FaultSpec = Annotated[
        reduce(or_, (Annotated[kind, Tag(f"{names(kind)[0]}/{names(kind)[1][0]}")] for kind in FAULTS)),
        Discriminator(_tag),
    ]

CATALOGUE: Mapping[tuple[str, str], type[Fault]] = {(names(kind)[0], names(kind)[1][0]): kind for kind in FAULTS}
"""(component, mode) → the kind of fault."""
