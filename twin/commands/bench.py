"""`twin bench`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

from twin.commands import say
from twin.core.errors import InputError


def _define_bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quick", action="store_true", help="fewer repeats: figures to look at, not to publish")


def _bench(arguments: argparse.Namespace) -> int:
    root = Path(__file__).resolve().parents[2]
    if not (root / "benchmarks" / "farm.py").is_file():
        raise InputError("benchmarks are part of a checkout, not of an installed twin: clone the project and run make bench")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    options = [f"--{name}" for name in ("json", "quick") if getattr(arguments, name)]
    status: int = importlib.import_module("benchmarks.farm").main(options) or 0
    return status


COMMANDS: Mapping[str, say.Command] = {
    "bench": say.Command("measure what the speed claims rest on", "twin bench --json", _bench, _define_bench),
}
