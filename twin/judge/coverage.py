"""How much of goal space the robots' practice covered, and how much of it they did twice over."""

from __future__ import annotations

from dataclasses import dataclass

from twin.judge.columns import US, cells, payload, rows
from twin.log.tables import RunLog

POINTS = 200
KINDS = ("job.arrived", "job.assigned")


@dataclass(frozen=True)
class Coverage:
    """`curve`: (robot-hours, goal cells covered); `overlap`: share of practices at a goal that another robot had had before."""

    goals: int
    practices: int
    curve: tuple[tuple[float, float], ...]
    overlap: float

    def at(self, robot_h: float) -> float:
        """Goal cells covered after so many robot-hours."""
        return max((n for h, n in self.curve if h <= robot_h), default=0.0)


def coverage(log: RunLog) -> Coverage | None:
    """The coverage of a run's practice, from its events; None where nobody practised."""
    names, robots = ("t_us", "kind", "job", "cell", "payload"), len(cells(log))
    goal_of: dict[str, int] = {}
    first: dict[int, str] = {}
    curve: list[tuple[float, float]] = []
    practices, again, last = 0, 0, (0.0, 0.0)
    for row, t, kind, job, cell, text in rows(log.events, names, table="events", kinds=KINDS):
        if kind == "job.arrived" and isinstance(text, str) and '"goal":' in text:
            goal_of[job] = int(payload(text, row)["goal"])
        elif kind == "job.assigned" and job in goal_of:
            goal = goal_of.pop(job)
            practices += 1
            last = (robots * t / US / 3600, float(len(first) + (goal not in first)))
            if goal not in first:
                curve.append(last)
            again += first.setdefault(goal, cell) != cell
    if not practices:
        return None
    step = max(1, len(curve) // POINTS)
    return Coverage(len(first), practices, (*curve[::step], last), again / practices)
