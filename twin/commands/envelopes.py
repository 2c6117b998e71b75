"""`twin envelope`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.commands import say
from twin.commands.suites import define_workers, workers_of
from twin.core.errors import InputError

if TYPE_CHECKING:
    from twin.search.envelope import Axis, Edge, Options, Search

STATUS: Mapping[str, int] = {"edge": 0, "holds": 0, "fails": 1, "void": 3, "undecided": 4}
"""Exit status by what was found: an edge in the range; the check holds, or fails, all over it; nothing to judge."""
ABOUT = """\
Each value is simulated with several seeds, many in one run; between the last value that holds and the first that fails the
search goes on until they are close. With two quantities the frontier of the first is drawn over the second.

quantities:
{named}
  and every number of the scenario by its path: faults.NAME.duration_s, filters.stale.hold_ms, fleet.people.operators.count

exit status: 0 an edge was found, or the check holds all over the range; 1 it fails all over; 2 refused; 3 void; 4 undecided
"""


def _define(command: argparse.ArgumentParser) -> None:
    from twin.search.quantities import NAMED

    named = "\n".join(f"  {q.name:20} {q.unit:6} {q.about}" for q in NAMED.values())
    command.description = f"{command.description}\n\n{ABOUT.format(named=named)}"
    command.add_argument("scenario", help="a scenario file, or the name of one that ships")
    command.add_argument(
        "--vary", action="append", required=True, metavar="NAME=LOW..HIGH", help="a quantity and its range; at most two"
    )
    command.add_argument(
        "--check", required=True, metavar="NAME", help="a check of the scenario, or what it is of (workspace_violation)"
    )
    command.add_argument("--seeds", type=say.positive, default=8, metavar="K", help="seeds a point (default: 8)")
    command.add_argument("--points", type=say.positive, default=8, metavar="N", help="points at a time (default: 8)")
    command.add_argument(
        "--tolerance", type=float, default=0.02, metavar="X", help="bracket as a share of the range (default: 0.02)"
    )
    command.add_argument(
        "--share", type=float, default=1.0, metavar="X", help="share of seeds that must hold at a point (default: 1)"
    )
    command.add_argument("--duration-s", type=float, metavar="X", help="simulated seconds instead of the file's")
    command.add_argument("--seed", type=int, help="instead of the file's")
    command.add_argument("--out", type=Path, default=Path("runs/envelope"), metavar="DIR", help="default: runs/envelope")
    define_workers(command, both=False)


def _options(arguments: argparse.Namespace) -> Options:
    from twin.search.envelope import Options

    if arguments.points < 2:
        raise InputError("--points must be at least 2: both ends of the range are looked at")
    if not 0 < arguments.tolerance <= 1:
        raise InputError(f"--tolerance is a share of the range, above 0 and at most 1, not {arguments.tolerance:g}")
    if not 0 < arguments.share <= 1:
        raise InputError(f"--share is above 0 and at most 1, not {arguments.share:g}")
    return Options(arguments.seeds, arguments.points, arguments.tolerance, arguments.share)


def _envelope(arguments: argparse.Namespace) -> int:
    from twin.run import run
    from twin.scenario.load import load
    from twin.search import asked, edge, picture
    from twin.search.envelope import Search
    from twin.suite.results import write_text

    given = {"seed": arguments.seed, "duration_s": arguments.duration_s, "engine": arguments.engine or "mujoco"}
    scenario, options = load(arguments.scenario, **given), _options(arguments)
    axes, check = asked.axes_of(arguments.vary, scenario), asked.check_of(arguments.check, scenario)
    name = asked.label(check)
    home = arguments.out / f"{scenario.name}-{'-'.join([*name.split(), *(a.quantity.name for a in axes)])}"
    with workers_of(arguments) as workers, say.bar("envelope", hidden=arguments.json, unit="rounds") as bar:
        search = Search(scenario, axes, check, options, arguments.out, workers, bar or _told(arguments))
        edge.refuse_what_cannot_be(search, home)
        edges = search.frontier()
    found = word_of(edges, options)
    drawn = write_text(home / "envelope.svg", picture.draw(edges, axes, name, options, scenario.name))
    told = _as_dict(search, edges, found, name) | {"picture": str(drawn), "edge_scenario": None}
    chosen = edge.chosen(edges)
    if chosen is not None:
        path = edge.write(search, chosen, home)
        again = run(load(path, engine=scenario.engine), home / "run", threads=1)
        told |= {"edge_scenario": str(path), "edge_verdict": again.verdict}
    told["file"] = str(home / "envelope.json")
    write_text(home / "envelope.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    if arguments.json:
        say.print_json(told)
    else:
        _tell(search, edges, told)
    return STATUS[found]


def word_of(edges: list[Edge], options: Options) -> str:
    """What a search found."""
    if any(edge.found for edge in edges):
        return "edge"
    words = [point.word(options.share) for edge in edges for point in edge.points]
    lines = ["holds" if edge.fails is None and edge.holds is not None else "fails" for edge in edges]
    if not {"holds", "fails"} & set(words):
        return "void" if "void" in words else "undecided"
    return "holds" if "holds" in lines and "fails" not in lines else "fails" if "holds" not in lines else "edge"


def _told(arguments: argparse.Namespace) -> Any:
    """A line a run where nobody sees a bar."""
    if arguments.json:
        return None
    return lambda done, total: print(f"round {total:.0f}: {100 * (1 - total + done):.0f} %", file=sys.stderr)


def _as_dict(search: Search, edges: list[Edge], found: str, check: str) -> dict[str, Any]:
    options, names = search.options, [axis.quantity.name for axis in search.axes]
    return {
        "scenario": search.scenario.name,
        "check": check,
        "found": found,
        "status": STATUS[found],
        "quantities": [{"name": a.quantity.name, "unit": a.quantity.unit, "low": a.low, "high": a.high} for a in search.axes],
        "frontier": [
            {
                "at": dict(zip(names[1:], edge.at, strict=True)),
                "holds": edge.holds,
                "fails": edge.fails,
                "holds_above": edge.reversed,
                "holds_again_beyond": edge.again,
            }
            for edge in edges
        ],
        "points": [
            dict(zip(names, p.values, strict=True))
            | {"word": p.word(options.share), "held": p.held, "failed": p.failed, "undecided": p.undecided, "void": p.void}
            | {"share_low": p.interval(options.confidence).low, "share_high": p.interval(options.confidence).high}
            for edge in edges
            for p in edge.points
        ],
        "seeds": options.seeds,
        "robot_s": sum(unit.scenario.spec.duration_s * len(unit.scenario.cells) for unit in search.units),
    }


def _tell(search: Search, edges: list[Edge], told: Mapping[str, Any]) -> None:
    from twin.search.edge import conditions

    first, *others = search.axes
    print(f"{search.scenario.name}, {told['check']}, {search.options.seeds} seeds a point:")
    for one in edges:
        where = f"at {conditions(others, one.at)}: " if others else ""
        print(f"  {where}{_words(one, first, search.options)}")
    if told["edge_scenario"]:
        print(f"just beyond the edge: {told['edge_scenario']}, which ends with {told['edge_verdict']}")
    print(f"all points are in {told['file']}, the picture is {told['picture']}")
    if told["edge_scenario"]:
        say.then(f"twin run {told['edge_scenario']} --engine {search.scenario.engine}")
    else:
        say.then(f"open {told['picture']}")


def _words(edge: Edge, axis: Axis, options: Options) -> str:
    name, unit = axis.quantity.name, axis.quantity.unit
    span = f"{name} from {axis.low:g} to {axis.high:g} {unit}".rstrip()
    if edge.holds is None:
        words = {p.word(options.share) for p in edge.points}
        return f"fails all over {span}: there is no edge in this range" if "fails" in words else f"nothing to judge in {span}"
    point = edge.point(edge.holds)
    least = point.interval(options.confidence).low if point else None
    told = f"held in {point.held} of {point.held + point.failed} runs there" if point else ""
    sure = f"{told}, so in at least {100 * (least or 0):.0f} %, {100 * options.confidence:g} % sure"
    if edge.fails is None:
        return f"holds all over {span}: there is no edge in this range ({sure})"
    way, then = ("down", "at") if edge.reversed else ("up", "from")
    again = "; it also holds at values beyond: not one edge alone" if edge.again else ""
    ends = f"holds {way} to {edge.holds:.6g} {unit}, fails {then} {edge.fails:.6g} {unit}"
    return f"{name} {ends} ({sure}){again}"


COMMANDS: Mapping[str, say.Command] = {
    "envelope": say.Command(
        "find how far conditions may go before a check stops holding",
        'twin envelope scenarios/safety/human-walks-in.yaml --vary link.rtt_ms=0..800 --check "never separation_violation"',
        _envelope,
        _define,
    ),
}
