"""The command line. Each command says where its output lies and what to run next; `--json` prints one JSON value instead.

Exit status: 0 passed · 1 a check or gate failed, a replay differed · 2 input refused · 3 void · 4 undecided · 130 interrupted
What is heavy (physics, tables) is imported by the command that needs it, so that `twin check` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import re
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import metadata
from typing import NoReturn

from twin.commands import (
    bench,
    calibration,
    comparisons,
    envelopes,
    files,
    gates,
    outcomes,
    pictures,
    predictions,
    replaylog,
    runs,
    say,
    suites,
    tables,
    tiers,
)
from twin.core.errors import InputError, Interrupted, SpecError, StorageError, TwinError, nearest

_ALL: Mapping[str, say.Command] = {
    name: command
    for group in (
        *(runs, pictures, suites, gates, envelopes, tables, comparisons),
        *(calibration, replaylog, outcomes, tiers, predictions, files, bench),
    )
    for name, command in group.COMMANDS.items()
}
_ORDER = (
    *("run", "suite", "replay", "report", "render", "compare", "agreement", "gate", "envelope"),
    *("import", "calibrate", "replay-log", "fit-outcomes", "tiers", "predict", "check", "schema", "faults", "bench"),
)
COMMANDS: dict[str, say.Command] = {name: _ALL[name] for name in _ORDER}

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
BARRED = (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status and never raises for what a user did."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without µ or … shows something, and nothing breaks
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        _driver()
        status: int = arguments.run(arguments)
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except TwinError as error:
        return _refuse(error, as_json=arguments.json)
    except KeyboardInterrupt:
        mend = "; the same command goes on where it was" if arguments.command in ("run", "suite", "gate") else ""
        return _refuse(Interrupted(f"interrupted{mend}"), as_json=arguments.json)
    except BrokenPipeError:  # whoever read the output has enough of it; the status is that of every tool that this happens to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if (told := _of_the_disk(error)) is None:
            raise
        return _refuse(told, as_json=arguments.json)
    return status


def _of_the_disk(error: OSError) -> TwinError | None:
    """What a file system refused, in words; None where it may be a bug."""
    if error.errno in BARRED:
        return InputError(f"{str(error.filename or 'a file')[:80]}: {error.strerror}")
    if error.errno not in FULL:
        return None
    where = f" ({error.filename})" if error.filename else ""
    mend = "make room and repeat the command"
    return StorageError(f"the disk cannot take what has to be written{where}: {error.strerror}; {mend}")


def _driver() -> None:
    """MuJoCo opens what MUJOCO_GL names as soon as it is imported, for whatever; where that fails, say so."""
    if name := os.environ.get("MUJOCO_GL", ""):
        try:
            importlib.import_module("mujoco")
        except (ImportError, AttributeError, OSError, RuntimeError) as error:
            mend = "unset it, or install it (on Debian libosmesa6; libegl1 and libgl1-mesa-dri)"
            raise InputError(f"MUJOCO_GL={name} names a driver that does not open here: {mend}") from error


def _refuse(error: TwinError, *, as_json: bool) -> int:
    problems = error.problems if isinstance(error, SpecError) else ()
    if as_json:
        listed = [vars(problem) for problem in problems]
        say.print_json({"error": str(error), "problems": listed, "status": error.exit_status})
    lead = f"{len(problems)} problems:\n" if len(problems) > 1 else ""
    print(f"twin: {lead}{error}", file=sys.stderr)
    return error.exit_status


class _Parser(argparse.ArgumentParser):
    """Says `did you mean` where a command is misspelt."""

    def error(self, message: str) -> NoReturn:
        if wrong := re.match(r"argument command: invalid choice: '([^']*)'", message):
            message = f"unknown command {wrong[1]!r}{nearest(wrong[1], COMMANDS, what='commands')}"
        super().error(message)


def parser(words: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The command line, with the arguments of the commands among `words`: those of others would only be loaded for nothing."""
    top = _Parser(prog="twin", description="A digital twin of a robot farm.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"twin {_version()}")
    commands = top.add_subparsers(dest="command", metavar="command", required=True)
    for name, (about, example, run, define) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", allow_abbrev=False)
        command.epilog, command.formatter_class = f"example:\n  {example}", argparse.RawDescriptionHelpFormatter
        if name in words:
            define(command)
        command.add_argument("--json", action="store_true", help="print one JSON value instead of text")
        command.set_defaults(run=run)
    return top


def _version() -> str:
    try:
        return metadata.version("robot-farm-twin")
    except metadata.PackageNotFoundError:
        return "(from a checkout)"
