"""Policy servers: machines that infer requests in batches, one batch at a time, and their outages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twin.control.links import BLOCK
from twin.control.spec import ComputeSpec
from twin.core.chance import Chance
from twin.core.quantity import draw
from twin.core.records import Bools
from twin.faults.compute import ServerFault
from twin.faults.injection import InForce

FORGET_US = 60_000_000
"""An outage that ended so long ago meets no message any more."""


@dataclass
class Outage:
    """A time in which a machine serves nothing; what reaches it is lost, or waits. `until_us`: None while it lasts."""

    fault: Any
    from_us: int
    lossy: bool
    cold_us: int
    until_us: int | None = None


class Machine:
    """A computer that infers one batch at a time, for every lane whose cells name it.

    Inference times are drawn in blocks keyed by its name: a block and a counter are all of the state.
    """

    def __init__(self, name: str, spec: ComputeSpec | None, chance: Chance, in_force: InForce | None = None) -> None:
        """in_force: where it asks for its faults; None: it has none."""
        self.name, self.spec, self.chance, self.in_force = name, spec, chance, in_force
        self.free_us = 0
        self.batches = 0
        self._times_us: list[int] = []
        self.outages: list[Outage] = []
        """Those that last, and one that has ended and is not accounted for yet."""

    def down(self, fault: Any, now_us: int, *, lossy: bool, cold_s: float = 0.0) -> None:
        """From now on it serves nothing."""
        self.outages = [o for o in self.outages if o.until_us is None or o.until_us > now_us - FORGET_US]
        self.outages.append(Outage(fault, now_us, lossy, round(1e6 * cold_s)))

    def up(self, fault: Any, now_us: int) -> None:
        """It serves again, once it has loaded what it needs."""
        for outage in self.outages:
            if outage.fault is fault and outage.until_us is None:
                outage.until_us = now_us
                self.free_us = max(self.free_us, now_us + outage.cold_us)

    def served(self, now_us: int) -> None:
        """It serves: what should have kept it from that does nothing."""
        for fault in self.in_force.of(self.name, ServerFault) if self.in_force is not None else ():
            fault.measured(0.0, int(fault.began_us <= now_us))

    def inference_us(self) -> int:
        """How long the next batch takes."""
        if self.spec is None:
            return 0
        k = self.batches % BLOCK
        if k == 0:
            stream = self.chance.stream(f"server/{self.name}", f"inference/{self.batches // BLOCK}")
            self._times_us = [round(1000.0 * draw(self.spec.inference_ms, stream)) for _ in range(BLOCK)]
        self.batches += 1
        return self._times_us[k]


class Server:
    """A policy served by a machine to rows of one lane: a batch holds requests of one lane, since lanes have policies apart."""

    def __init__(self, machine: Machine, rows: Bools) -> None:
        self.machine, self.rows = machine, rows
        self.batch = len(rows) if machine.spec is None else machine.spec.batch
        self.timeout_us = round(1000 * (1000.0 if machine.spec is None else machine.spec.timeout_ms))
        self.met: dict[int, int] = {}
        """Onset of an outage in µs → up to which arrival its effect on this lane's requests is counted."""
