"""`compiled`: loops over rows at the speed of the machine, for what every row needs at every tick.

A loop takes arrays and numbers and writes into arrays that it is given. It is compiled by numba when first called, and kept
beside its source file for the next process. Rows are worked on one after the other in plain IEEE arithmetic, so that a row's
bits do not depend on which others stand beside it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import xxhash
from numba import njit
from numba.core.dispatcher import Dispatcher

F = TypeVar("F", bound=Callable[..., object])


def compiled(loop: F) -> F:
    """The loop, compiled. Indices are not checked: a loop that leaves its arrays reads what is not its own."""
    try:
        made: Any = njit(cache=True, error_model="numpy")(loop)
    except RuntimeError:  # there is no folder that may be written to: compiled once a process
        return cast(F, njit(error_model="numpy")(loop))
    if not isinstance(made, Dispatcher):  # NUMBA_DISABLE_JIT
        return loop
    # of itself numba keeps what it compiled until the file changes, whatever becomes of what that imports
    cast(Any, made)._cache._cache_file._source_stamp = _stamp(loop)
    return cast(F, made)


def _stamp(loop: Any) -> str:
    """A hash of the loop's file, and of the loops and numbers that it may use from others."""
    parts = [Path(inspect.getfile(loop)).read_text(encoding="utf-8")]
    for name, value in sorted(loop.__globals__.items()):
        if isinstance(value, Dispatcher):
            file = getattr(cast(Any, value)._cache, "_cache_file", None)  # None: it could not be kept
            parts.append(f"{name} {file and file._source_stamp}")
        elif isinstance(value, (int, float)):
            parts.append(f"{name} {value!r}")
    return xxhash.xxh3_128_hexdigest("\n".join(parts).encode())
