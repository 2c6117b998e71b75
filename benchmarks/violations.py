"""What broke a promise: every policy on every arm behind the whole chain, each filter alone, and with each taken out. One count
for `twin bench` and for the tables of docs/safety.md.

    python -m benchmarks.violations --write                   an hour of one core; the tables go into docs/safety.md
    python -m benchmarks.violations --only random-ur3-3       one piece, to run several beside each other
    python -m benchmarks.violations --ticks 250000 --write    a quarter of it

A piece is a policy on an arm: robot-ticks behind the whole chain with a seed of their own, or `bare`, each filter alone and
without it; or what a search finds on an arm. For the tables pieces are kept in runs/violations, and what was interrupted goes
on; where code has changed they are made anew.
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import json
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.adversaries import POLICIES
from benchmarks.attacks import CHAIN, HUNTED, JUDGED, ROBOTS, alone, attack, hunt, without
from twin.control.safety.promises import UNITS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "safety.md"
PAIRS = [f"{policy}-{robot}" for policy in POLICIES for robot in ROBOTS]
NAMES = list(JUDGED)
PIECE_TICKS, ROWS = 25_000, 64
BARE_TICKS, BARE_ROWS, HUNT_TICKS = 2_000, 16, 20_000
SEEKING = ("adversarial", "pressing")


def parts(ticks: int) -> dict[str, list[str]]:
    """The pieces that so many robot-ticks a policy, all arms together, take: by the pair of policy and arm they tell of."""
    seeds = range(1, 1 + math.ceil(ticks / len(ROBOTS) / PIECE_TICKS))
    return {pair: [*(f"{pair}-{seed}" for seed in seeds), f"{pair}-bare"] for pair in PAIRS} | {
        f"hunt-{robot}": [f"hunt-{robot}"] for robot in ROBOTS
    }


@functools.cache
def code() -> str:
    """A digest of all that decides what comes out: code without what only people read, and models."""
    files = [
        p for folder in ("twin", "benchmarks", "assets") for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".xml")
    ]
    text = "".join(_bare(p.read_text(encoding="utf-8")) if p.suffix == ".py" else p.read_text() for p in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _bare(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]  # type: ignore[attr-defined]
    return ast.dump(tree)


def put(page: Path, name: str, text: str) -> None:
    """Text between the two comments of a page that name it."""
    old = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, after = old.index(begin) + len(begin), old.index(end)
    page.write_text(old[:before] + text + old[after:], encoding="utf-8")


def piece(part: str, ticks: int) -> dict[str, Any]:
    """Of so many robot-ticks: how many broke each promise, and the least margins; or how many did with the filter that keeps it
    alone, and without it, so many each; or what a search finds."""
    policy, robot, *which = part.split("-")
    if policy == "hunt":
        return {"least": {name: hunt(name, ticks, robot) for name in HUNTED}}
    if which == ["bare"]:
        chains = {"alone": alone, "without": without}
        return {
            key: {name: attack(policy, filters(name), ticks, robot, BARE_ROWS).broken[name] for name in NAMES}
            for key, filters in chains.items()
        }
    found = attack(policy, CHAIN, ticks, robot, ROWS, int(which[0]))
    least = {name: float(found.least[:, k].min()) for k, name in enumerate(found.kinds)}
    return {"ticks": found.judged, "broken": found.broken, "least": least, "gave_way": found.gave_way}


def measure(ticks: int, bare_ticks: int, hunt_ticks: int) -> dict[str, Any]:
    """What `twin bench` says, of so many robot-ticks a policy, all arms together; `alone` and `without` by the policies that go
    for limits."""
    told = [piece(f"{pair}-1", math.ceil(ticks / len(ROBOTS))) for pair in PAIRS]
    bare = [piece(f"{policy}-{robot}-bare", bare_ticks) for policy in SEEKING for robot in ROBOTS]
    hunted = [piece(f"hunt-{robot}", hunt_ticks) for robot in ROBOTS]
    return {
        "violations_with": {name: sum(p["broken"][name] for p in told) for name in NAMES},
        "violations_alone": {name: sum(p["alone"][name] for p in bare) for name in NAMES if name != "joint_limits"},
        "violations_without": {name: sum(p["without"][name] for p in bare) for name in NAMES},
        "worst_margin": {name: min(p["least"][name] for p in told) for name in NAMES},
        "worst_margin_hunted": {name: min(p["least"][name] for p in hunted) for name in HUNTED},
        "robot_ticks_a_policy": sum(p["ticks"] for p in told) // len(POLICIES),
    }


def made(part: str, folder: Path) -> dict[str, Any]:
    """A piece from its file, or made and kept there."""
    path = folder / f"{part}-{code()}.json"
    if not path.is_file():
        began = time.perf_counter()
        ticks = {"bare": BARE_TICKS, "hunt": HUNT_TICKS}
        text = json.dumps(piece(part, next((n for key, n in ticks.items() if key in part.split("-")), PIECE_TICKS)))
        path.write_text(text)
        print(f"{part}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def lying(part: str, folder: Path) -> dict[str, Any]:
    """A piece as it lies in a folder, of whatever code; empty where it is not there."""
    found = sorted(folder.glob(f"{part}-????????????.json"))
    if len(found) > 1:
        raise SystemExit(f"{folder}: {part} is there of {len(found)} codes; keep one")
    return json.loads(found[0].read_text()) if found else {}


def tables(told: dict[str, list[dict[str, Any]]]) -> str:
    """Both tables, in Markdown, of the pieces of each pair; –: none is there."""
    heads = [pair.replace("-", ", ") for pair in PAIRS]
    with_ = {pair: [p for p in told[pair][:-1] if p] for pair in PAIRS}
    ticks = [f"{sum(p['ticks'] for p in with_[pair]):,}" if with_[pair] else "–" for pair in PAIRS]
    lines = [
        f"Behind the whole chain; hunted: by a search, {HUNT_TICKS:,} robot-ticks an arm.",
        "",
        "| ticks with a broken promise | " + " | ".join(heads) + " | least margin | hunted |",
        "| --- |" + " --- |" * (len(heads) + 2),
        "| *robot-ticks* | " + " | ".join(ticks) + " | | |",
    ]
    for name in NAMES:
        least = min((p["least"][name] for pair in PAIRS for p in with_[pair]), default=math.inf)
        searched = (p for robot in ROBOTS for p in told[f"hunt-{robot}"] if p)
        hunted = min((p["least"].get(name, math.inf) for p in searched), default=math.inf)
        margins = ["" if math.isinf(x) else f"{x:.4f} {UNITS[name]}" for x in (least, hunted)]
        counts = [_sum(p["broken"][name] for p in with_[pair]) for pair in PAIRS]
        lines.append(f"| `{name}` | " + " | ".join(counts + margins) + " |")
    lines += [
        "| *joints excused* | " + " | ".join(_sum(p["gave_way"] for p in with_[pair]) for pair in PAIRS) + " | | |",
        "",
        f"The same with the filter taken out, and what would keep its promise in its place, {BARE_TICKS:,} robot-ticks each;",
        "alone: in all of them, with only the filter put back. Without the others arms hit things, and drives do not follow.",
        "",
        "| without | " + " | ".join(heads) + " | alone |",
        "| --- |" + " --- |" * (len(heads) + 1),
    ]
    bare = [told[pair][-1] for pair in PAIRS]
    for name in NAMES:
        counts = [_sum([b["without"][name]] if b else []) for b in bare]
        alone_ = _sum(b["alone"][name] for b in bare if b)
        lines.append(f"| `{name}` | {' | '.join(counts)} | {alone_} |")
    return "\n".join(lines) + "\n"


def _sum(counts: Iterable[int]) -> str:
    counts = list(counts)
    return f"{sum(counts):,}" if counts else "–"


def main() -> None:
    """Make pieces, print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--ticks", type=int, default=1_000_000, help="robot-ticks a policy, all arms together (default 1000000)"
    )
    parser.add_argument("--only", nargs="+", help="make these pieces and no tables: POLICY-ARM-SEED, POLICY-ARM-bare, hunt-ARM")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/safety.md")
    parser.add_argument(
        "--lying", type=Path, metavar="FOLDER", help="of the pieces that lie in a folder, whatever code made them"
    )
    given = parser.parse_args()
    folder = ROOT / "runs" / "violations"
    folder.mkdir(parents=True, exist_ok=True)
    if given.only:
        for part in given.only:
            made(part, folder)
        return
    get, there = (lying, given.lying) if given.lying else (made, folder)
    text = tables({pair: [get(part, there) for part in each] for pair, each in parts(given.ticks).items()})
    print(text)
    if given.write:
        put(PAGE, "violations", text)


if __name__ == "__main__":
    main()
