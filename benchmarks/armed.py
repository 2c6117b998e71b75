"""What armed and idle faults cost: the tick of 256 robots with 1,024 faults in the plan that are not due, over one without.

Two farms that do the same take turns, tick by tick, so that a noisy machine slows both; the figure is the median of the ratios.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from twin.build import build
from twin.farm.farm import Farm
from twin.scenario.load import load

ARMED = """\
faults:
  - {component: sensor, mode: stuck, joint: 1, onset: {at_s: 80000}}
  - {component: actuator, mode: weak, joint: 2, torque: 0.5, onset: {rate_per_h: 0.0001}}
  - {component: gripper, mode: slips, onset: {at_s: 80000}}
  - {component: link, mode: latency, added_ms: 50, onset: {at_s: 80000}}
"""


def farm_of(scenario: str, folder: Path, name: str) -> Farm:
    """A farm at work on a scenario, 12 simulated seconds old."""
    path = folder / f"{name}.yaml"
    path.write_text(scenario)
    farm = build(load(path), name, 2)
    farm.begin()
    while farm.step(12_000_000):
        pass
    return farm


def tick_s(farm: Farm) -> float:
    """Seconds that the next tick of the farm's only lane takes, with all that comes before it."""
    lane = farm.lanes[0]
    ticks, began = lane.ticks, time.perf_counter()
    while lane.ticks == ticks:
        farm.step(1 << 60)
    return time.perf_counter() - began


def measure(scenario: str, pairs: int = 400) -> dict[str, float]:
    """`armed_faults_cost`: ratio of tick times. scenario: 256 robots that work without end, with no faults."""
    with tempfile.TemporaryDirectory() as temp:
        farms = farm_of(scenario, Path(temp), "bare"), farm_of(scenario + ARMED, Path(temp), "armed")
        assert len(farms[1].trouble.injections) >= 1000
        ratios = []
        for k in range(pairs):
            took = {side: tick_s(farms[side]) for side in ((0, 1) if k % 2 else (1, 0))}
            ratios.append(took[1] / took[0])
    return {"armed_faults_cost": statistics.median(ratios)}
