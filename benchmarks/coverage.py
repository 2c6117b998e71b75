"""Goal cells covered over robot-hours: sixteen robots that explore by target, against sixteen independent walkers.

Beside the ratio stands the most that it could be: all goal cells over those that the walkers had covered by then.

python -m benchmarks.coverage            a table; --page F.html writes the curves
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from twin.judge.coverage import Coverage, coverage
from twin.judge.report import plots, sheet
from twin.log.tables import read_run
from twin.run import run
from twin.scenario.load import load

SCENARIO = """\
scenario: coverage-{kind}
fleet:
  fleet: coverage
  robots: {{arm: {{model: panda}}}}
  resets: [{{kind: automatic, attempts: 1, seconds: 5, success: 1}}]
  outcomes: {{entries: [{{results: [{{share: 1, success: true, duration_s: {{kind: lognormal, median: 45, sigma: 0.3}}}}]}}]}}
  cells: [{{name: c, count: 16, robots: [{{robot: arm}}]}}]
jobs: [{{kind: list, jobs: [{{at_s: 1e8}}]}}]
idle: {{kind: {kind}, side: {side}}}
tier: outcome
policy: {{kind: known, name: any}}
episode_timeout_s: 600
duration_s: {hours}
"""


def measure(kind: str, hours: float, side: int = 32) -> Coverage:
    """The coverage of one way to practise over so many hours of sixteen robots, of side × side goal cells."""
    with tempfile.TemporaryDirectory() as temp:
        path = Path(temp) / "coverage.yaml"
        path.write_text(SCENARIO.format(kind=kind, hours=3600 * hours, side=side))
        found = coverage(read_run(run(load(path), Path(temp) / "runs").folder))
    assert found is not None
    return found


def main() -> int:
    """Print the curves beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--side", type=int, default=32, help="goal cells along each side of the goal space")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    kinds = ("targeted", "least_practised", "uniform", "random_walk")
    found = {kind: measure(kind, given.hours, given.side) for kind in kinds}
    print(f"{'robot-hours':>12}" + "".join(f"{kind:>18}" for kind in kinds) + "   targeted / random_walk   at most")
    for share in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        hours = 16 * given.hours * share
        counts = [found[kind].at(hours) for kind in kinds]
        walked = max(1.0, counts[-1])
        ratio, most = counts[0] / walked, given.side**2 / walked
        print(f"{hours:12.1f}" + "".join(f"{n:18.0f}" for n in counts) + f"{ratio:12.2f}   ≥ 1.5{most:15.2f}")
    print(f"{'overlap':>12}" + "".join(f"{found[kind].overlap:18.2f}" for kind in kinds))
    if given.page:
        lines = [plots.Curve(kind.replace("_", " "), found[kind].curve) for kind in kinds]
        alt = "Goal cells covered against robot-hours for four ways to practise"
        figure = plots.curves(lines, x_axis="robot-hours", y_axis=f"goal cells covered, of {given.side**2}", alt=alt)
        rows = [
            (kind.replace("_", " "), found[kind].practices, found[kind].goals, f"{found[kind].overlap:.0%}") for kind in kinds
        ]
        told = sheet.table(["Curriculum", ">Practices", ">Goal cells", ">Had by another robot first"], rows)
        lead = "Sixteen robots practise while nobody asks. Walkers begin in the middle and know nothing of each other."
        sheet.put(sheet.page("practice", "Coverage of goal space", lead, [("Coverage", figure + told)]), given.page)
        print(f"the page is {given.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
