"""What a user asks of an envelope: `NAME=LOW..HIGH`, and a check by its name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from twin.core.errors import InputError, nearest
from twin.judge.spec import NEVER, RULE_NAMES, CheckSpec
from twin.scenario.load import Scenario
from twin.search.envelope import Axis
from twin.search.quantities import quantity


def axes_of(asked: Sequence[str], scenario: Scenario) -> list[Axis]:
    """One or two quantities with their ranges. Raises `InputError`."""
    if len(asked) > 2:
        raise InputError(f"--vary is given {len(asked)} times; a frontier is of one quantity, or a curve over two")
    axes = [_axis(text, scenario) for text in asked]
    if len(axes) == 2 and axes[0].quantity.name == axes[1].quantity.name:
        raise InputError(f"--vary names {axes[0].quantity.name} twice")
    return axes


def _axis(text: str, scenario: Scenario) -> Axis:
    name, _, span = text.partition("=")
    low, dots, high = span.partition("..")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise InputError(f"--vary takes NAME=LOW..HIGH, such as link.rtt_ms=0..800, not {text!r}") from None
    if not dots or not all(math.isfinite(end) for end in ends):
        raise InputError(f"--vary takes NAME=LOW..HIGH with finite numbers, such as link.rtt_ms=0..800, not {text!r}")
    found = quantity(name, scenario)
    if ends[0] >= ends[1]:
        word = "backwards" if ends[0] > ends[1] else "empty"
        raise InputError(f"the range of {name} is {word}: {low}..{high}; write the lower end first")
    if found.whole and any(end != int(end) for end in ends):
        raise InputError(f"{name} is a whole number; {span} is no range of whole numbers")
    return Axis(found, *ends)


def check_of(name: str, scenario: Scenario) -> CheckSpec:
    """A check of the scenario by its name (`never workspace_violation`), what it is of (`workspace_violation`) or its kind,
    where there is one such; else any `never` or `holds` by what it is of. Raises `InputError` that names the nearest."""
    wanted = " ".join(name.split())
    own: dict[str, list[CheckSpec]] = {}
    for check in scenario.spec.checks:
        for word in dict.fromkeys((label(check), _of(check), check.kind)):
            own.setdefault(word, []).append(check)
    found = own.get(wanted, [])
    if len(found) > 1:
        raise InputError(f"{scenario.name} has {len(found)} checks {wanted!r}: {', '.join(map(label, found))}; name one")
    if found:
        return found[0]
    kind, _, of = wanted.rpartition(" ")
    if of in NEVER and kind in ("", "never"):
        return CheckSpec(never=of)
    if of in RULE_NAMES and kind in ("", "holds"):
        return CheckSpec.model_validate({"holds": {"rule": of}})
    known = [label(check) for check in scenario.spec.checks]
    tail = nearest(wanted, [*own, *NEVER, *RULE_NAMES]).rpartition("did you mean")
    hint = f"; did you mean{tail[2]}" if tail[1] else ""
    raise InputError(f"no check {name!r} in {scenario.name} (checks: {', '.join(known) or 'none'}){hint}")


def label(check: CheckSpec) -> str:
    """How a check is named: its kind and what it is of."""
    return f"{check.kind} {_of(check)}".strip()


def _of(check: CheckSpec) -> str:
    given: Any = getattr(check, check.kind)
    if isinstance(given, str):
        return given
    if check.kind == "within":
        return f"{given.from_} → {given.to}"
    return str(next((value for key in ("rule", "what", "of", "task", "run") if (value := getattr(given, key, None))), ""))
