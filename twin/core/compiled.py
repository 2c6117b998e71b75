"""`compiled`: loops over rows at the speed of the machine, for what every row needs at every tick.

A loop takes arrays and numbers and writes into arrays that it is given. It is compiled by numba when first called, and kept
beside its source file for the next process. Rows are worked on one after the other in plain IEEE arithmetic, so that a row's
bits do not depend on which others stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(loop: F) -> F:
    """The loop, compiled. Indices are not checked: a loop that leaves its arrays reads what is not its own."""
    try:
        return cast(F, njit(cache=True, error_model="numpy")(loop))
    except RuntimeError:  # there is no folder that may be written to: compiled once a process
        return cast(F, njit(error_model="numpy")(loop))
