"""What a worker process does: one unit after the other, one physics thread, and it never outlives the suite."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.core.errors import RunFolderError, TwinError
from twin.suite.plan import Unit

if TYPE_CHECKING:
    from twin.run import Result

ORPHANED_EVERY_S = 0.5


def begin(parent: int) -> None:
    """Ready a fresh worker: what user code prints goes to stderr, physics is loaded, the suite's end is watched for."""
    os.dup2(2, 1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    import twin.run  # noqa: F401 - so that the first unit is not charged for it


def _watch(parent: int) -> None:
    """End this process once the suite is gone: an orphan would hold the run folder that the next suite wants."""
    while os.getppid() == parent:
        time.sleep(ORPHANED_EVERY_S)
    os._exit(1)


def run_unit(unit: Unit, out: Path) -> Result:
    """Run one unit here and now, one thread. `RunFolderError` where it is not what was planned any more, or where its folder
    holds something else: a result must never stand under another unit's name."""
    from twin.run import run
    from twin.suite.code import surroundings

    if surroundings(unit.scenario) != unit.around:
        raise RunFolderError("code or assets were edited while the suite ran; give the same command again")
    result = run(unit.scenario, unit.home(out), threads=1, wall=time.perf_counter)
    if (result.meta.get("sha256"), result.meta.get("seed")) != (unit.scenario.digest, unit.scenario.seed):
        raise RunFolderError(f"{result.folder} holds another run; move it away")
    return result


def work(unit: Unit, out: str) -> dict[str, Any]:
    """Run one unit; returns its folder and what its run.json says, or `verdict` refused or lost with the reason."""
    from twin.suite.results import KEYS

    try:
        result = run_unit(unit, Path(out))
    except TwinError as error:
        return _ended("refused", str(error))
    except Exception as error:  # noqa: BLE001 - a bug costs its own unit, and is shown
        traceback.print_exception(error, file=sys.stderr)
        return _ended("lost", f"{type(error).__name__}: {error}; {_place(error)}")
    return {"folder": str(result.folder)} | {key: result.meta.get(key) for key in KEYS}


def _ended(verdict: str, reason: str) -> dict[str, Any]:
    return {"folder": None, "verdict": verdict, "reasons": (reason,)}


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"at {Path(frame.filename).name}:{frame.lineno}"
