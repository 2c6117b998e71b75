"""What every command says in the same way: JSON, the next step, progress; and what it is made of."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

Progress = Callable[[float, float], None]


class Command(NamedTuple):
    """One command: what it does in a line, an example, what runs it, what defines its arguments."""

    about: str
    example: str
    run: Callable[[argparse.Namespace], int]
    define: Callable[[argparse.ArgumentParser], None]


def print_json(value: Any) -> None:
    """One JSON value on stdout; paths become text."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def then(*commands: str) -> None:
    """What to run next."""
    print("\nnext:  " + "\n       ".join(commands))


def positive(text: str) -> int:
    """The type of an argument: a whole number from 1."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


positive.__name__ = "whole number from 1"  # argparse names a type by it


@contextmanager
def bar(what: str, *, hidden: bool, unit: str = "s simulated") -> Iterator[Progress | None]:
    """A progress bar on stderr, with the time left; None where nobody looks."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} " + unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=1.0)
        yield lambda done, total: shown.update(task, completed=done, total=total)
