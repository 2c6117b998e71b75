"""What an envelope can be a function of: the conditions that have a name here, and every number of a scenario by its path.

A quantity puts its value into the data of a scenario (`spec.model_dump(mode="json", by_alias=True)`), in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twin.core.errors import InputError, nearest
from twin.scenario.arms import arms

if TYPE_CHECKING:  # the command line lists the names, and answers at once
    from twin.scenario.load import Scenario

Data = dict[str, Any]


@dataclass(frozen=True)
class Quantity:
    """A number that can be varied. `whole`: only whole numbers can stand there."""

    name: str
    unit: str
    about: str
    put: Callable[[Data, Scenario, float], None]
    whole: bool = False


def known(scenario: Scenario) -> dict[str, Quantity]:
    """All quantities of a scenario: the named ones first."""
    data = scenario.spec.model_dump(mode="json", by_alias=True)
    paths = {".".join(path): whole for path, whole in _numbers(data, ())}
    return dict(NAMED) | {path: _at_path(path, whole) for path, whole in paths.items() if path not in NAMED}


def quantity(name: str, scenario: Scenario) -> Quantity:
    """A quantity by name or path. Raises `InputError` that names the nearest."""
    there = known(scenario)
    name = ALIASES.get(name, name)
    if name not in there:
        listed = nearest(name, NAMED, what="named")
        close = nearest(name, there).rpartition("did you mean ")[2] if "did you mean" not in listed else ""
        hint = f"; did you mean {close}" if close.endswith("?") else ""
        tail = "; besides these every number of the scenario by its path, such as faults.NAME.duration_s"
        raise InputError(f"unknown quantity {name!r}{listed}{hint}{tail}")
    return there[name]


# -- every number by its path --------------------------------------------------------------------------------------------------


def _numbers(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Paths of numbers and of quantities, and whether whole numbers stand there."""
    if isinstance(node, dict) and path and node.get("kind") in DISTRIBUTIONS:
        yield path, False
    elif isinstance(node, dict):
        for key, value in node.items():
            if path or key not in ("published", "seed", "log"):
                yield from _numbers(value, (*path, str(key)))
    elif isinstance(node, list):
        for step, value in zip(_steps(node), node, strict=True):
            yield from _numbers(value, (*path, step))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, isinstance(node, int)


DISTRIBUTIONS = ("lognormal", "exponential", "uniform", "normal", "weibull", "empirical", "quantiles")


def _steps(node: list[Any]) -> list[str]:
    """How the entries of a list are named: by their name or kind where that tells them apart, else by number."""
    names = [str(e.get("name") or e.get("kind") or i) if isinstance(e, dict) else str(i) for i, e in enumerate(node)]
    return [name if names.count(name) == 1 and "." not in name else str(i) for i, name in enumerate(names)]


def _at_path(path: str, whole: bool) -> Quantity:
    def put(data: Data, scenario: Scenario, value: float) -> None:
        *way, last = path.split(".")
        holder: Any = data
        for step in way:
            holder = holder[step] if isinstance(holder, dict) else holder[_steps(holder).index(step)]
        if isinstance(holder, list):
            holder[_steps(holder).index(last)] = value
        else:
            holder[last] = value

    return Quantity(path, _unit_of(path), "as the scenario has it", put, whole)


def _unit_of(path: str) -> str:
    """What a key ends in."""
    ending = path.rpartition(".")[2].rpartition("_")[2]
    return ending if ending in ("ms", "s", "h", "min", "mm", "m", "rad", "radps", "N", "W", "kg", "mps", "kbps", "hz") else ""


# -- conditions with a name ----------------------------------------------------------------------------------------------------


def _links(key: str, factor: float) -> Callable[[Data, Scenario, float], None]:
    def put(data: Data, scenario: Scenario, value: float) -> None:
        if not any(cell.spec.link for cell in scenario.cells):
            raise InputError(f"no cell of {scenario.name} has a link: the policy runs in the cell and messages take no time")
        for link in data["fleet"]["links"].values():
            link[key] = factor * value

    return put


def _servers(data: Data, scenario: Scenario, value: float) -> None:
    if not any(cell.spec.compute for cell in scenario.cells):
        raise InputError(f"no cell of {scenario.name} has a policy server (`compute`): inference takes no time")
    for server in data["fleet"]["compute"].values():
        server["inference_ms"] = value


def _demand(data: Data, scenario: Scenario, value: float) -> None:
    drawn = [load for load in data["jobs"] if load["kind"] == "poisson"]
    if not drawn:
        raise InputError(f"{scenario.name} has no jobs of kind poisson: its jobs are written down one by one")
    if value <= 0:
        raise InputError(f"jobs.per_hour must be above 0, is {value:g}")
    for load in drawn:
        load["per_hour"] = value


def _joints(component: str, mode: str, key: str, factor: float, **more: Any) -> Callable[[Data, Scenario, float], None]:
    """A fault on every joint of every arm, from the start to the end of the run."""

    def put(data: Data, scenario: Scenario, value: float) -> None:
        kinds = scenario.spec.fleet.robots
        axes = {c.name: arms().get(kinds[c.spec.robots[0].robot].model, 0) for c in scenario.cells}
        for joint in range(max(axes.values())):
            group = [name for name, count in axes.items() if count > joint]
            _fault(data, scenario, group, component, mode, value, {key: factor * value, "joint": joint} | more)

    return put


def _seen(sensor: str, mode: str, key: str, factor: float) -> Callable[[Data, Scenario, float], None]:
    def put(data: Data, scenario: Scenario, value: float) -> None:
        every = [cell.name for cell in scenario.cells]
        _fault(data, scenario, every, "sensor", mode, value, {key: factor * value, "sensor": sensor})

    return put


def _fault(
    data: Data, scenario: Scenario, cells: list[str], component: str, mode: str, value: float, given: Mapping[str, Any]
) -> None:
    """Enter a fault into the plan; a value of 0 is no fault."""
    if value == 0:
        return
    target = "*"
    if len(cells) < len(scenario.cells):
        target = f"with joint {given['joint']}"
        data["fleet"]["groups"][target] = cells
    told = " ".join([component, mode, str(given.get("sensor", "")), str(given.get("joint", ""))])
    data["faults"].append(
        {"name": f"envelope: {' '.join(told.split())}", "component": component, "mode": mode, "target": target,
         "onset": {"at_s": 0.0}, **given}
    )  # fmt: skip


def _both(*puts: Callable[[Data, Scenario, float], None]) -> Callable[[Data, Scenario, float], None]:
    def put(data: Data, scenario: Scenario, value: float) -> None:
        for each in puts:
            each(data, scenario, value)

    return put


_SENSED = _both(_joints("sensor", "delayed", "delay_ms", 1.0), _seen("force", "delayed", "delay_ms", 1.0))
NAMED: Mapping[str, Quantity] = {
    q.name: q
    for q in (
        Quantity("link.rtt_ms", "ms", "round trip on every link, half of it each way", _links("latency_ms", 0.5)),
        Quantity("link.loss", "share", "messages lost on every link, each way", _links("loss", 1.0)),
        Quantity("server.inference_ms", "ms", "inference on every policy server", _servers),
        Quantity("sensor.noise", "mrad", "noise (standard deviation) of every joint's encoder",
                 _joints("sensor", "noise", "noise", 1e-3)),
        Quantity("sensor.bias", "mrad", "every joint's encoder is off by so much", _joints("sensor", "bias", "bias", 1e-3)),
        Quantity("sensor.delay_ms", "ms", "encoders and the force sensor say so late what is", _SENSED),
        Quantity("drive.delay_ms", "ms", "drives do so late what they are told", _joints("actuator", "delayed", "delay_ms", 1)),
        Quantity("camera.noise_mm", "mm", "noise of a thing's position", _seen("object", "noise", "noise", 1e-3)),
        Quantity("camera.delay_ms", "ms", "the camera tells things so late", _seen("object", "delayed", "delay_ms", 1)),
        Quantity("jobs.per_hour", "/h", "jobs that arrive at random", _demand),
    )
}  # fmt: skip
ALIASES = {"sensor.noise_mrad": "sensor.noise", "sensor.bias_mrad": "sensor.bias"}
