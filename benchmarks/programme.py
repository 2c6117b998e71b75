"""The barrier's quadratic programme beside another solver (quadprog, Goldfarb and Idnani 1983) on random problems.

python -m benchmarks.programme                  10,000 problems of 3 to 7 joints and 1 to 16 faces
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NamedTuple

import numpy as np
import quadprog

from twin.control.safety.qp import nearest
from twin.core.records import Floats

BOUND = 1e-6


class Found(NamedTuple):
    """Problems that were posed and that have no solution; those of them that were answered, and others left unanswered; the
    worst difference of an answer."""

    problems: int
    infeasible: int
    answered_without_solution: int
    unanswered: int
    worst: float


def compare(problems: int, seed: int = 0) -> Found:
    """Pose random problems to both, in batches as a lane does."""
    rng = np.random.default_rng(seed)
    infeasible = wrong = missed = done = 0
    worst = 0.0
    while done < problems:
        k, nq = min(100, problems - done), int(rng.integers(3, 8))
        m = rng.integers(1, 17, k)
        of = np.repeat(np.arange(k), m)
        asked, slopes = rng.normal(size=(k, nq)), rng.normal(size=(len(of), nq))
        low, high = -rng.uniform(0, 1, (k, nq)), rng.uniform(0, 1, (k, nq))
        least = rng.normal(loc=-0.5, scale=rng.choice([0.3, 1.0, 2.0]), size=len(of))
        x, solved = nearest(asked, low, high, slopes, least, of)
        for i in range(k):
            other = reference(asked[i], low[i], high[i], slopes[of == i], least[of == i])
            if other is None:
                infeasible, wrong = infeasible + 1, wrong + int(solved[i])
            elif not solved[i]:
                missed += 1
            else:
                worst = max(worst, float(np.abs(x[i] - other).max()))
        done += k
    return Found(done, infeasible, wrong, missed, worst)


def reference(asked: Floats, low: Floats, high: Floats, slopes: Floats, least: Floats) -> Floats | None:
    """The other solver's answer; None where it finds that there is none."""
    eye = np.eye(len(asked))
    try:
        answer: Floats = quadprog.solve_qp(
            eye, asked, np.concatenate((eye, -eye, slopes)).T, np.concatenate((low, -high, least))
        )[0]
    except ValueError:
        return None
    return answer


def main(argv: list[str] | None = None) -> int:
    """Print the figures with their bounds; 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--problems", type=int, default=10_000)
    given = parser.parse_args(argv)
    found = compare(given.problems)
    holds = found.worst < BOUND and not found.answered_without_solution and not found.unanswered
    if given.json:
        print(json.dumps(found._asdict()))
        return int(not holds)
    rows: dict[str, Any] = {
        "random problems": f"{found.problems:,}",
        "without a solution, by the reference": f"{found.infeasible:,}",
        "of them answered all the same": f"{found.answered_without_solution}   (0)",
        "others that were left unanswered": f"{found.unanswered}   (0)",
        "worst difference of an answer": f"{found.worst:.1e}   (< {BOUND:g})",
    }
    for name, value in rows.items():
        print(f"{name:40} {value:>20}")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
