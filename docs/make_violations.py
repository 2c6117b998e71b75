"""Make the tables of docs/safety.md of what broke a promise: every policy on every arm behind the whole chain, and with each
filter taken out.

    python -m docs.make_violations                    both tables, about a quarter of an hour of one core
    python -m docs.make_violations --only random-ur3  one piece of them, to run several beside each other
    python -m docs.make_violations --write            what is there goes into docs/safety.md

Pieces are kept in runs/violations and taken from there, what was interrupted goes on; those of other code are made anew.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.adversaries import POLICIES
from benchmarks.safety import CHAIN, HUNTED, ROBOTS, attack, hunt, without
from twin.control.safety.promises import UNITS

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path(__file__).with_name("safety.md")
PARTS = [f"{policy}-{robot}" for policy in POLICIES for robot in ROBOTS]
HUNTS = [f"hunt-{robot}" for robot in ROBOTS]
NAMES = [str(f["kind"]) for f in CHAIN]
BARE_TICKS, BARE_ROWS, HUNT_TICKS = 5_000, 16, 50_000


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
    """One policy on one arm: robot-ticks with each promise broken, the least margins, and the same with each filter taken out;
    or what a search finds on one arm."""
    policy, robot = part.split("-")
    if policy == "hunt":
        return {"hunted": {name: hunt(name, HUNT_TICKS, robot) for name in HUNTED}}
    found = attack(policy, CHAIN, ticks, robot, 256)
    bare = {name: attack(policy, without(name), BARE_TICKS, robot, BARE_ROWS).broken[name] for name in NAMES}
    least = {name: float(found.least[:, k].min()) for k, name in enumerate(found.kinds)}
    return {"ticks": found.judged, "with": found.broken, "without": bare, "least": least, "gave_way": found.gave_way}


def made(part: str, ticks: int, folder: Path) -> dict[str, Any]:
    """A piece from its file, or made and kept there."""
    path = folder / f"{part}-{ticks}-{code()}.json"
    if not path.is_file():
        began = time.perf_counter()
        text = json.dumps(piece(part, ticks))
        path.write_text(text)
        print(f"{part}: {time.perf_counter() - began:.0f} s, {path}", file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def tables(pieces: dict[str, dict[str, Any]]) -> str:
    """Both tables, in Markdown."""
    heads = [part.replace("-", ", ") for part in PARTS]
    count = {part: sum(p["ticks"] for name, p in pieces.items() if name.startswith(part)) for part in POLICIES}
    lines = [
        f"Behind the whole chain, robot-ticks: {', '.join(f'{name} {n:,}' for name, n in count.items())}, half on each arm.",
        f"Ticks on which a promise was broken, and the least margin; hunted: by a search, {HUNT_TICKS:,} robot-ticks an arm.",
        "",
        "| filter | " + " | ".join(heads) + " | least margin | hunted |",
        "| --- |" + " --- |" * (len(heads) + 2),
    ]
    for name in NAMES:
        least = min(pieces[part]["least"][name] for part in PARTS)
        hunted = min((pieces[part]["hunted"].get(name, math.inf) for part in HUNTS), default=math.inf)
        told = ["" if math.isinf(x) else f"{x:.4f} {UNITS[name]}" for x in (least, hunted)]
        counts = [f"{pieces[part]['with'][name]:,}" for part in PARTS]
        lines.append(f"| `{name}` | " + " | ".join(counts + told) + " |")
    gave = [f"{pieces[part]['gave_way']:,}" for part in PARTS]
    lines += [
        "| *joints excused* | " + " | ".join(gave) + " | | |",
        "",
        f"The same with the filter taken out, and what would keep its promise in its place; {BARE_TICKS:,} robot-ticks each:",
        "",
        "| without | " + " | ".join(heads) + " |",
        "| --- |" + " --- |" * len(heads),
    ]
    lines += [f"| `{name}` | " + " | ".join(f"{pieces[part]['without'][name]:,}" for part in PARTS) + " |" for name in NAMES]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make pieces, print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--ticks", type=int, default=1_000_000, help="robot-ticks a policy, both arms together (default 1000000)"
    )
    parser.add_argument("--only", choices=PARTS + HUNTS, help="make one piece and no tables")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/safety.md")
    given = parser.parse_args()
    folder = ROOT / "runs" / "violations"
    folder.mkdir(parents=True, exist_ok=True)
    each = given.ticks // len(ROBOTS)
    if given.only:
        made(given.only, each, folder)
        return
    text = tables({part: made(part, each, folder) for part in PARTS + HUNTS})
    print(text)
    if given.write:
        put(PAGE, "violations", text)


if __name__ == "__main__":
    main()
