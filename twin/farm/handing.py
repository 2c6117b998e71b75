"""A row changes hands in the middle of what it does, and nothing jumps (`control/handover.py` approaches what comes)."""

from __future__ import annotations

import numpy as np

from twin.core.chance import Stream
from twin.farm.lane import Lane


def hand_over(lane: Lane, now_us: int, row: int, holder: int, name: str, silence_s: float | None = None) -> int | None:
    """Somebody takes a row over; the lease, or None where another has it who must give it back first. What was commanded
    before is forgotten, and what comes is approached smoothly."""
    lease = lane.authority.take(row, holder, name, now_us, silence_s)
    if lease is not None:
        _passes(lane, now_us, row)
    return lease


def hand_back(lane: Lane, now_us: int, row: int, lease: int, stream: Stream) -> bool:
    """Who took a row over is done: the policy begins anew, with its draws from `stream`, on what the row sees next. False for
    a lease that is over."""
    if not lane.authority.give_back(row, lease, now_us):
        return False
    _passes(lane, now_us, row)
    lane.passing.back[row] = stream
    return True


def _passes(lane: Lane, now_us: int, row: int) -> None:
    """From now on it is watched on ground truth that no command jumps, either."""
    lane.console.seats.pop(row, None)
    lane.forget(now_us, row)
    lane.passing.begin(row)
    if lane.stops.running(np.array([row]))[0]:
        lane.jumps.watch(now_us, row, lane.sent[row, :-1], lane.sent_v[row])
