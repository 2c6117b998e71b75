"""A scheduler and a filter of one's own, as `scenario.yaml` beside this file uses them."""

import numpy as np

from twin.core.records import Action, Certified


class ShortestFirst:
    """Gives a free cell to the job with the fewest episodes, the older one of equals."""

    HEARS = ("job.arrived", "job.returned", "job.assigned", "job.failed", "authority.offered", "authority.withdrawn")

    def __init__(self, fleet, longest=100):
        """fleet: cells, their tasks, people. Whatever stands under `with:` comes as keywords."""
        self.can = {cell.name: cell.tasks for cell in fleet.cells}
        self.longest = longest
        self.waits = {}  # job → (episodes, when it came, task)
        self.free = {}  # cell → the lease that it is offered under

    def handle(self, now_us, events):
        """Takes in what became known, answers with actions."""
        for event in events:
            if event.kind in ("job.arrived", "job.returned"):
                asks = event.payload
                self.waits[event.job] = (min(asks["episodes"], self.longest), event.seq, asks["task"])
            elif event.kind in ("job.assigned", "job.failed"):
                self.waits.pop(event.job, None)
            if event.kind == "authority.offered":
                self.free[event.cell] = event.payload["lease"]
            elif event.kind in ("job.assigned", "authority.withdrawn"):
                self.free.pop(event.cell, None)
        return list(self._matched())

    def _matched(self):
        free = dict(self.free)
        for job, (_, _, task) in sorted(self.waits.items(), key=lambda item: item[1]):
            cell = next((cell for cell in free if task in self.can[cell]), None)
            if cell is not None:
                lease = free.pop(cell)
                yield Action("assign", f"{job} to {cell} under {lease}", cell=cell, job=job, lease=lease)

    def wake_at(self):
        """A time in µs, or None as here: every change is an event, nothing to wait for."""


class GentleBelow:
    """Where the tool is low, joints go a share of the way that they are asked to go in a tick."""

    name = "gentle_below"

    def __init__(self, height_m=0.15, share=0.8):
        self.height_m, self.share = height_m, share

    def certify(self, seen, command):
        """n rows: command (n, joints + gripper), seen.last what was sent a tick ago, seen.tool (n, 3) m."""
        n, sent = len(command), command.copy()
        low = seen.tool[:, 2] < self.height_m
        sent[low, :-1] = seen.last[low, :-1] + self.share * (command[low, :-1] - seen.last[low, :-1])
        return Certified(sent, changed=np.zeros(n, int), margin=np.ones(n), stop=np.zeros(n, bool))
