"""`twin calibrate`: a plan and logs in, an overlay on the fleet file and a report out."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twin.commands import say
from twin.core.errors import InputError, StorageError

MOST_CHANGES = 12
"""Lines on the terminal of what cannot be compared."""


def _define_calibrate(command: argparse.ArgumentParser) -> None:
    command.add_argument("plan", type=Path, metavar="PLAN", help="a calibration plan (.yaml)")
    command.add_argument("--out", type=Path, metavar="OVERLAY", help="default: <plan's name>-overlay.yaml")
    command.add_argument("--report", type=Path, metavar="F.html", help="write the report too: one page that opens offline")
    command.add_argument("--against", type=Path, metavar="OLD", help="an earlier overlay: say what moved since")
    command.add_argument("--only", action="append", default=[], metavar="PART", help="a part by name or kind; repeatable")


def _calibrate(arguments: argparse.Namespace) -> int:
    from twin.calibrate import drift, overlay, page
    from twin.calibrate.spec import load_plan
    from twin.calibrate.whole import attempt

    plan = load_plan(arguments.plan)
    _places(arguments.out, arguments.report)
    old, sure = (None, None) if arguments.against is None else overlay.read_earlier(arguments.against)
    with _telling(hidden=arguments.json) as tell:
        found = attempt(plan, arguments.only, tell)
    if not found.results:
        raise InputError("\n".join(map(str, found.failed)))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    made = overlay.Made(plan.spec.calibrate, today, tuple(one.name for one in found.failed), plan.spec.confidence)
    whole = not arguments.only and not found.failed
    told = None if old is None else drift.compare(old, found.results, plan.spec.confidence, sure, whole=whole)
    out = overlay.write(overlay.as_data(found.results, made), arguments.out or Path(f"{plan.spec.calibrate}-overlay.yaml"))
    if arguments.report is not None:
        page.render(plan, found.results, made, arguments.report, told, found.failed)
    status = InputError.exit_status if found.failed else 0
    if arguments.json:
        say.print_json(_data(arguments, out, found, told) | {"status": status})
        return status
    for result in found.results:
        _print(result)
    if told is not None:
        _print_drift(told)
    print(f"\nthe overlay is {out}" + (f", the report {arguments.report}" if arguments.report else ""))
    for one in found.failed:
        print(f"failed, and not in the overlay: {one}", file=sys.stderr)
    say.then(*_next(arguments, plan, out, found.failed))
    return status


def _places(*files: Path | None) -> None:
    """Refuse places that cannot be written to before the work and not after it. Raises `StorageError`."""
    for file in (file for file in files if file is not None):
        if not file.parent.is_dir():
            raise StorageError(f"{file} cannot be written: there is no folder {file.parent}")
        if file.is_dir():
            raise StorageError(f"{file} cannot be written: it is a folder; name a file in it")


@contextmanager
def _telling(*, hidden: bool) -> Iterator[Callable[[str], None]]:
    """Somebody to tell how far it is: a spinner where somebody looks, lines where it is kept, nothing where not wanted."""
    if hidden or not sys.stderr.isatty():
        yield (lambda text: None) if hidden else (lambda text: print(f"  {text}", file=sys.stderr))
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("calibrating") as status:
        yield status.update


def _next(arguments: argparse.Namespace, plan: Any, out: Path, failed: Any) -> list[str]:
    """What to do with an overlay."""
    if failed:
        again = " ".join(f"--only {one.name}" for one in failed)
        return [f"twin calibrate {arguments.plan} {again} --out OTHER.yaml, once what failed is mended"]
    then = [f"overlay: {out} in a scenario lays it over the fleet; twin check, then twin run it"]
    if arguments.report is None:
        then.insert(0, f"twin calibrate {arguments.plan} --report {plan.spec.calibrate}.html, which draws it")
    else:
        then.insert(0, f"open {arguments.report}")
    return [*then, f"twin calibrate {arguments.plan} --against {out}, once there are new logs"]


def _data(arguments: argparse.Namespace, out: Path, found: Any, told: Any) -> dict[str, Any]:
    """Everything that was found, for scripts."""
    failed = [{"part": one.part, "name": one.name, "place": one.place, "error": str(one.error)} for one in found.failed]
    data = {"overlay": out, "report": arguments.report, "parts": [_part(result) for result in found.results], "failed": failed}
    if told is None:
        return data
    return data | {"drift": [vars(move) for move in told.moves], "changes": [vars(change) for change in told.changes]}


def _print_drift(told: Any) -> None:
    sure, judged = [move for move in told.moves if move.moved], [move for move in told.moves if move.moved is not None]
    print(f"\n{len(sure)} of {len(judged)} values moved since" if judged else "\nno value with an interval is in both")
    for move in sure:
        print(f"  {move.name}: {move.old:.4g} then, {move.new:.4g} now {move.unit} (p = {move.p_value:.2g})")
    for change in told.changes[:MOST_CHANGES]:
        then, now = ("not told" if value is None else _show(value) for value in (change.old, change.new))
        print(f"  {change.name}: {then} then, {now} now")
    if len(told.changes) > MOST_CHANGES:
        print(f"  and {len(told.changes) - MOST_CHANGES} more that only one of the two tells; the report has them all")


def _part(result: Any) -> dict[str, Any]:
    """A part's result for scripts: everything but its pictures."""
    return {
        "part": result.part,
        "name": result.name,
        "estimates": [vars(estimate) | {"path": estimate.name} for estimate in result.estimates],
        "scores": [vars(score) | {"better": score.better} for score in result.scores],
        "findings": [vars(finding) for finding in result.findings],
        "facts": result.facts,
    }


def _print(result: Any) -> None:
    print(f"\n{result.name}")
    for finding in (finding for finding in result.findings if finding.level != "note"):
        print(f"  {finding.level}: {finding.text}")
    for estimate in result.estimates:
        if isinstance(estimate.value, str | bool | tuple):
            continue  # words and tables of a distribution: the overlay has them
        interval = "" if estimate.low is None and estimate.high is None else f" [{_show(estimate.low)}, {_show(estimate.high)}]"
        told = "" if estimate.identified else "  (not identified)"
        print(f"  {estimate.name} = {_show(estimate.value)}{interval} {estimate.unit}{told}".rstrip())
    for score in result.scores:
        beside = "" if score.reference is None else f" ({score.reference_name} {_show(score.reference)})"
        print(f"  held out: {score.name} {_show(score.ours)} {score.unit}{beside}")
    for finding in (finding for finding in result.findings if finding.level == "note"):
        print(f"  {finding.level}: {finding.text}")


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} values"
    return "?" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


COMMANDS: Mapping[str, say.Command] = {
    "calibrate": say.Command(
        "fit the fleet's numbers to real logs: an overlay with intervals, and what the logs do not tell",
        "twin calibrate bay.yaml --out overlay.yaml --report bay.html",
        _calibrate,
        _define_calibrate,
    ),
}
