"""Events per second of the clock, hash on, beside SimPy doing as many time-outs in the same run.

Both sides run `ENTITIES` things that each wake up again and again, with periods that differ so that the heap is really sorted.
Ours also makes every wake-up an `Event`, and chains the event's canonical bytes, as a farm does; SimPy does neither, so
the clock alone (`bare_events_per_s`) stands there too.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import simpy

from twin.core.clock import Chain, Clock
from twin.core.records import Event

ENTITIES = 64
PERIOD_US = 1_000


def _horizon_us(n: int) -> int:
    """Until when the entities together wake up about `n` times."""
    return round(n / sum(1 / (PERIOD_US + i) for i in range(ENTITIES)))


def ours(n: int, hashed: bool = True) -> tuple[int, float]:
    """Run about `n` events on our clock: how many there were, and in how many seconds."""
    clock, chain, seq = Clock(), Chain(), 0

    def bare(now_us: int, entity: str, period_us: int) -> None:
        clock.at(now_us + period_us, "wake", entity, period_us)

    def wake(now_us: int, entity: str, period_us: int) -> None:
        nonlocal seq
        seq += 1
        event = Event(seq, now_us, now_us, "policy.changed", "site", entity, None, None, None, None, {})
        chain.add(event.canonical().encode())
        clock.at(now_us + period_us, "wake", entity, period_us)

    for i in range(ENTITIES):
        clock.at(i, "wake", f"c{i:02d}", PERIOD_US + i)
    begun = perf_counter()
    count = clock.run({"wake": wake if hashed else bare}, _horizon_us(n))
    return count, perf_counter() - begun


def simpys(n: int) -> tuple[int, float]:
    """Run about `n` time-outs in SimPy: how many there were, and in how many seconds."""
    env, count = simpy.Environment(), 0

    def wake(first_us: int, period_us: int) -> Any:
        nonlocal count
        yield env.timeout(first_us)
        while True:
            count += 1
            yield env.timeout(period_us)

    for i in range(ENTITIES):
        env.process(wake(i, PERIOD_US + i))
    begun = perf_counter()
    env.run(until=_horizon_us(n) + 0.5)
    return count, perf_counter() - begun


def measure(n: int = 200_000, repeats: int = 5) -> dict[str, int]:
    """Medians of paired repeats, one of each kind back to back; all must have done the same number of events."""
    sides: dict[str, Callable[[int], tuple[int, float]]] = {
        "events_per_s": ours,
        "bare_events_per_s": partial(ours, hashed=False),
        "simpy_events_per_s": simpys,
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        gc.collect()
        done = {name: side(n) for name, side in sides.items()}
        if len({count for count, _ in done.values()}) != 1:
            raise RuntimeError(f"not the same work: {done}")
        for name, (count, seconds) in done.items():
            rates[name].append(count / seconds)
    return {name: round(median(values)) for name, values in rates.items()}


if __name__ == "__main__":
    print(json.dumps(measure()))
