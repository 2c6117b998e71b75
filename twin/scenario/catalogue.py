"""The faults there are, for people: what `twin faults` lists."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from twin.core.network import Latency
from twin.core.quantity import NonNegative
from twin.faults.catalogue import FAULTS, names

COMMON = ("name", "target", "onset", "duration_s", "until", "severity", "must_act", "announced")
"""What every fault takes."""


def catalogue() -> list[dict[str, Any]]:
    """One mapping a fault: component, mode, about, port, effect, unit, severity (parameters that it scales), parameters (name,
    what it takes, what for), scenario (which ships); also: other names of the mode."""
    out = []
    for kind in FAULTS:
        fields = kind.model_fields
        parameters = [
            {"name": name, "takes": _takes(field.annotation), "required": field.is_required(), "about": field.description or ""}
            for name, field in fields.items()
            if name not in (*COMMON, "component", "mode")
        ]
        component, modes = names(kind)
        named: dict[str, Any] = {"component": component, "mode": modes[0], "also": list(modes[1:])}
        words = {"about": inspect.getdoc(kind) or "", "port": kind.PORT, "effect": kind.EFFECT, "unit": kind.UNIT}
        words["severity"] = ", ".join(kind.SIZES)
        scenario = f"scenarios/faults/{component}-{modes[0]}.yaml"
        out.append({**named, **words, "parameters": parameters, "scenario": scenario})
    return out


def lines(listed: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The catalogue as text."""
    for fault in listed:
        also = f" (also {', '.join(fault['also'])})" if fault["also"] else ""
        yield f"{fault['component']}/{fault['mode']}  {fault['about']}{also}"
        yield f"    acts at: {fault['port']}; its receipt measures: {fault['effect']}, {fault['unit']}"
        if fault["severity"]:
            yield f"    severity scales: {fault['severity']}"
        for parameter in fault["parameters"]:
            needed = "" if parameter["required"] else ", may be left out"
            yield f"    {parameter['name']}: {parameter['takes']}{needed}{'. ' * bool(parameter['about'])}{parameter['about']}"
    yield f"\nevery fault takes {', '.join(COMMON)}"


def _takes(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(map(str, get_args(annotation)))
    if annotation == Latency:
        return "number, distribution, trace or regimes"
    if get_origin(annotation) is tuple:
        return " and ".join(["number"] * len(get_args(annotation))) + " in a list"
    if get_origin(annotation) is UnionType:
        return " or ".join(_takes(each) for each in get_args(annotation) if each is not NoneType)
    if annotation in (int, float, str, bool):
        return {int: "whole number", float: "number", str: "text", bool: "true or false"}[annotation]
    return "number or distribution" if annotation == NonNegative or get_args(annotation) else str(annotation)
