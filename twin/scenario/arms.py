"""What a scenario needs to know of the arms that ship, without loading a physics engine."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from twin.core.assets import names


@lru_cache(maxsize=1)
def arms() -> dict[str, int]:
    """The arms in assets/robots with their number of joints (a file without joint velocities is no arm)."""
    counted = {name: _joints(path) for name, path in names("robots", ".xml").items()}
    return {name: joints for name, joints in counted.items() if joints}


def _joints(path: Path) -> int:
    numeric = ElementTree.parse(path).find("./custom/numeric[@name='velocity']")
    return 0 if numeric is None else len(numeric.get("data", "").split())


def files_of(models: set[str]) -> dict[str, str]:
    """sha256 of the asset files that cells of these arms are made of, by their name in assets/."""
    robots, workcells = names("robots", ".xml"), names("workcells", ".xml")
    arm_names = arms()
    used = {f"robots/{name}.xml": path for name, path in robots.items() if name in models or name not in arm_names}
    used |= {f"workcells/{name}.xml": path for name, path in workcells.items()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(used.items())}
