"""A robot of strangers is compiled in a process of its own first, which may take so much time and memory and no more.

    python -m twin.world.own.trial < what.json

answers with one line of JSON: how many joints its arm has, or what is wrong with it, and which key of the sidecar says so.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.world.own.markup import read
from twin.world.own.spec import OwnSpec
from twin.world.spec import GripperSpec, WorkcellSpec

SECONDS = 60
"""Of processor time; of wall time `PATIENCE` times as much, since others may be at work."""
PATIENCE = 5
BYTES = 4 << 30
"""Of address space."""


HEAVIEST_KG = 10_000.0
"""Of one link: more than the largest arms that are sold weigh as a whole."""


@dataclass(frozen=True)
class Tried:
    """What came of it: `joints` of the arm, or the `error` and the key `at` of the sidecar that it is about."""

    joints: int = 0
    error: str = ""
    at: tuple[str, ...] = ()


def compiles(file: Path) -> str:
    """What is wrong with a model by itself, empty where nothing is. Meshes that are not there are done without."""
    return _tried(str(file), hashlib.sha256(file.read_bytes()).hexdigest(), "", "", "", SECONDS, BYTES).error


def tried(
    file: Path, own: OwnSpec, gripper: GripperSpec, workcell: WorkcellSpec, *, seconds: int = SECONDS, most: int = BYTES
) -> Tried:
    """Whether this robot makes a cell, within `seconds` and `most` bytes of address space. The same files are tried once."""
    files = sorted(read(file, own.meshes).files.items())
    digest = hashlib.sha256(b"".join(path.read_bytes() for _, path in files)).hexdigest()
    parts = (part.model_dump_json(by_alias=True) for part in (own, gripper, workcell))
    return _tried(str(file), digest, *parts, seconds, most)


@functools.cache
def _tried(file: str, digest: str, own: str, gripper: str, workcell: str, seconds: int, most: int) -> Tried:
    asked = json.dumps({"file": file, "own": own, "gripper": gripper, "workcell": workcell, "seconds": seconds, "bytes": most})
    above = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join(filter(None, (above, os.environ.get("PYTHONPATH", ""))))
    env = os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "NUMBA_DISABLE_JIT": "1"}  # it may write no cache
    waits = PATIENCE * seconds
    command = [sys.executable, "-m", "twin.world.own.trial"]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, env=env, timeout=waits, check=False)
    except subprocess.TimeoutExpired:
        return Tried(error=f"takes more than {waits} s to compile: fewer elements or smaller meshes, please")
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        return Tried(told["joints"], told["error"], tuple(told["at"]))
    except (IndexError, ValueError, KeyError):
        why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        told = f"{why}; at most {seconds} s and {most / (1 << 30):g} GiB are allowed"
        return Tried(error=f"the physics engine did not survive compiling it ({told})")


def _limit(seconds: int, most: int) -> None:
    """From here on this process ends when it takes too much."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    """The other process."""
    asked = json.loads(sys.stdin.read())
    _limit(asked["seconds"], asked["bytes"])
    from twin.core.errors import InputError, OwnError
    from twin.world.cell import build_cell
    from twin.world.compose import Robot
    from twin.world.own.mount import compiled, load_bare

    told: dict[str, Any] = {"joints": 0, "error": "", "at": []}
    try:
        if asked["own"]:
            parts = GripperSpec.model_validate_json(asked["gripper"]), WorkcellSpec.model_validate_json(asked["workcell"])
            cell = build_cell(Robot(asked["file"], OwnSpec.model_validate_json(asked["own"])), *parts)
            told["joints"] = cell.nq
            told["error"], told["at"] = _overweight(cell) or _unreached(cell)
        else:
            compiled(load_bare(Path(asked["file"])), Path(asked["file"]))
    except OwnError as error:
        told |= {"error": str(error), "at": error.at}
    except (InputError, ValueError) as error:  # ValueError: the engine's, where it does not wait for compiling
        told["error"] = str(error)
    sys.stdout.write(json.dumps(told) + "\n")


def _overweight(cell: Any) -> tuple[str, tuple[str, ...]] | None:
    """Whether a link weighs what no arm can, or no number at all."""
    model = cell.model
    for body in range(model.nbody):
        if not model.body_mass[body] <= HEAVIEST_KG:
            name = model.body(body).name.removeprefix("arm_")
            return f"link {name!r} weighs {model.body_mass[body]:g} kg; at most {HEAVIEST_KG:g} are believed", ()
    return None


def _unreached(cell: Any) -> tuple[str, tuple[str, ...]]:
    """Whether the tool, pointing down, gets to where things lie: what is wrong, empty where nothing is, and with which key."""
    import numpy as np

    from twin.world.tasks import tasks_of

    down, home = np.diag((1.0, -1.0, -1.0)), cell.arm.home[None]
    turned = cell.arm.fk(home)[1][0]
    yaw = float(np.arctan2(turned[1, 0], turned[0, 0]))
    if turned[2, 2] > -0.7:
        return "in this pose the tool (its z) does not point down, and from there tasks begin", ("home_rad",)
    if abs(yaw) > 0.8:
        mend = "turn the tool's frame about its z (the last of rpy_rad)"
        return f"at home the fingers do not move along the base's y: {mend} by {yaw:+.4g}", ("tool",)
    points = np.unique([goal for task in tasks_of(cell).values() for goal in _goals(cell, task)], axis=0) + [0.0, 0.0, 0.08]
    _, miss = cell.arm.reach(points, down, np.repeat(home, len(points), axis=0), rounds=60)
    if (miss < 2e-3).all():
        return "", ()
    at = ", ".join(f"{v:.2f}" for v in points[miss.argmax()])
    mend = "choose another home_rad, or move its base by base_m"
    return f"from home the tool does not get to ({at}) m pointing down, and there is work there: {mend}", ("home_rad",)


def _goals(cell: Any, task: Any) -> list[Any]:
    from twin.core.chance import Chance

    start = task.start([Chance(0).stream("trial", task.name, 0)])
    return [start.goal[0], *start.objects[0, :, :3]]


if __name__ == "__main__":
    main()
