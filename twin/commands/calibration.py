"""`twin calibrate`: a plan and logs in, an overlay on the fleet file and a report out."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.commands import say


def _define_calibrate(command: argparse.ArgumentParser) -> None:
    command.add_argument("plan", type=Path, metavar="PLAN", help="a calibration plan (.yaml)")
    command.add_argument("--out", type=Path, metavar="OVERLAY", help="default: <plan's name>-overlay.yaml")
    command.add_argument("--only", action="append", default=[], metavar="PART", help="a part by name or kind; repeatable")


def _calibrate(arguments: argparse.Namespace) -> int:
    from twin.calibrate import overlay
    from twin.calibrate.spec import load_plan
    from twin.calibrate.whole import calibrate

    plan = load_plan(arguments.plan)
    tell = (lambda text: None) if arguments.json else (lambda text: print(f"  {text}", file=sys.stderr))
    found = calibrate(plan, arguments.only, tell)
    made = overlay.Made(plan.spec.calibrate, datetime.datetime.now(datetime.UTC).date().isoformat())
    out = arguments.out or Path(f"{plan.spec.calibrate}-overlay.yaml")
    overlay.write(overlay.as_data(found.results, made), out)
    if arguments.json:
        say.print_json({"overlay": out, "parts": [_part(result) for result in found.results], "status": 0})
        return 0
    for result in found.results:
        _print(result)
    print(f"\nthe overlay is {out}")
    say.then("overlay: " + str(out) + " in a scenario lays it over the fleet, then twin check and twin run it")
    return 0


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
    for estimate in result.estimates:
        interval = "" if estimate.low is None and estimate.high is None else f" [{_show(estimate.low)}, {_show(estimate.high)}]"
        told = "" if estimate.identified else "  (not identified)"
        print(f"  {estimate.name} = {_show(estimate.value)}{interval} {estimate.unit}{told}".rstrip())
    for score in result.scores:
        beside = "" if score.reference is None else f" ({score.reference_name} {_show(score.reference)})"
        print(f"  held out: {score.name} {_show(score.ours)} {score.unit}{beside}")
    for finding in result.findings:
        print(f"  {finding.level}: {finding.text}")


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} values"
    return "?" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


COMMANDS: Mapping[str, say.Command] = {
    "calibrate": say.Command(
        "fit the fleet's numbers to real logs: an overlay with intervals, and what the logs do not tell",
        "twin calibrate bay.yaml --out overlay.yaml",
        _calibrate,
        _define_calibrate,
    ),
}
