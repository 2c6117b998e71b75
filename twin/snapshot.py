"""A farm as bytes and back: what changes is pickled, what the scenario fixes is named and built again.

Every constant (cell models, arms, policies, specs) is left out by identity and put back from a farm freshly built from the same
scenario, so that a snapshot of 64 rows stays near the size of its physics state.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

from twin.core.errors import RunFolderError, UseError
from twin.core.records import Strategy
from twin.farm.farm import Farm


def _constants(farm: Farm) -> list[Any]:
    """In a fixed order: everything that the scenario alone decides."""
    found: list[Any] = [
        *farm.episodes.constants(),
        farm.recovery.rungs,
        farm.recovery.specs,
        farm.repair.parts,
        farm.repair.spec,
        farm.arrivals.workloads,
        farm.arrivals.specs,
        farm.arrivals.given,
        farm.trouble.of,
    ]
    found += [job for jobs in farm.arrivals.specs for job in jobs]
    for cell in farm.cells.values():
        found += [cell.spec, cell.robot_spec, *cell.spec.maintenance]
    found += [life.spec for lives in farm.wear.lives.values() for life in lives.values()]
    found += [fault.planned for fault in farm.trouble.injections]
    people = farm.recovery.people
    found += [*people.pools.values(), people.zones, people.where]
    return [item for item in found if item is not None]


def freeze(farm: Farm) -> bytes:
    """The state of a farm between two entries of its clock. Raises `UseError` where something of the user's does not pickle."""
    names = {id(item): index for index, item in reversed(list(enumerate(_constants(farm))))}
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.persistent_id = lambda item: names.get(id(item))  # type: ignore[method-assign]
    pickler.dump(farm.facts["made_by"])
    try:
        pickler.dump({"farm": farm.__dict__, "worlds": [lane.world.snapshot() for lane in farm.lanes]})
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        _blame_filter(farm)
        raise error
    return buffer.getvalue()


def _blame_filter(farm: Farm) -> None:
    """Say which of the user's filters cannot be kept; strategies look after themselves."""
    for user in (f for lane in farm.lanes for f in lane.safety.filters if not type(f).__module__.startswith("twin.")):
        try:
            pickle.dumps(user)
        except Exception as error:
            mend = "let it hold plain values only, so that a killed run can go on"
            raise UseError(
                f"filter {type(user).__name__} cannot be pickled ({type(error).__name__}: {error}); {mend}"
            ) from error


def thaw(farm: Farm, blob: bytes, makers: Mapping[str, Callable[[], Strategy]]) -> Farm:
    """Bring a farm freshly built from the same scenario to the state in `blob`."""
    constants = _constants(farm)
    unpickler = pickle.Unpickler(io.BytesIO(blob))
    unpickler.persistent_load = constants.__getitem__  # type: ignore[method-assign]
    try:
        made_by = unpickler.load()
        if made_by != farm.facts["made_by"]:
            raise RunFolderError(_made_elsewhere(made_by, farm.facts["made_by"]))
        state = unpickler.load()
    except (pickle.UnpicklingError, AttributeError, ImportError, IndexError, EOFError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"the snapshot cannot be read by this version of the code: {error}; delete the run folder and run again"
        ) from error
    for lane, kept in zip(farm.lanes, state["worlds"], strict=True):
        lane.world.restore(kept)
    farm.__dict__.update(state["farm"])
    for host in farm.work.strategies.hosts:
        host.revive(makers[host.role])
    return farm


def _made_elsewhere(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Why a run that was begun elsewhere cannot go on here with the same result."""
    flat = [(key, there.get(part, {}).get(key), value) for part in ("versions", "assets") for key, value in here[part].items()]
    flat.append(("cpu_features", there.get("cpu_features"), here["cpu_features"]))
    parts = [f"{key} {was!r} there, {now!r} here" for key, was, now in flat if was != now]
    return f"this run was begun with other versions ({'; '.join(parts)}); finish it there, or delete its folder and run again"
