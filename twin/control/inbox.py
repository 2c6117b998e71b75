"""How commands reach a lane: requests travel to a policy server, wait, are inferred in batches, and chunks travel back.

Each row has at most one request under way. Its arrival, the batch it falls into and the arrival of its answer are exact µs,
worked out at the lane's ticks. The policy's memory changes only when its answer arrives: a lost answer leaves no trace, and the
same request sent again plans from where the robot really is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.control.links import BLOCK, DOWN, UP, LinkBank
from twin.control.policy import Policy
from twin.control.spec import ComputeSpec
from twin.core.chance import Chance
from twin.core.compiled import compiled
from twin.core.errors import UseError
from twin.core.quantity import draw
from twin.core.records import Bools, Floats, Ints, Observation, Rows
from twin.faults.compute import ServerFault
from twin.faults.injection import InForce, Injection
from twin.faults.messages import NEVER

IDLE, ASKED, ANSWERED, READY, LAST = range(5)
"""What a row's inbox does: nothing (it may ask), a request or an answer is under way, the coming chunk waits for the current
one to end, the current chunk is the policy's last."""
FORGET_US = 60_000_000
"""An outage that ended so long ago meets no message any more."""
AGES = 256
"""Observation ages kept per episode for its 99th percentile."""
NOBODY: Rows = np.zeros(0, np.int32)


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


class Inbox:
    """Chunks on their way and in use, for the n rows of a lane."""

    def __init__(self, policy: Policy, links: LinkBank, servers: Sequence[Server], n: int, nq: int, things: int) -> None:
        spec = policy.spec()
        self.policy, self.links, self.servers = policy, links, tuple(servers)
        self.horizon, self.replan, nu = spec.horizon, spec.replan, nq + 1
        self.memory = policy.memory(n)
        self.planned = policy.memory(n)
        self.state = np.zeros(n, np.int8)
        self.asked_us = np.zeros(n, np.int64)
        self.arrives_us, self.leaves_us = np.full(n, NEVER), np.zeros(n, np.int64)
        self.timeout_us = np.zeros(n, np.int64)
        for server in servers:
            self.timeout_us[server.rows] = server.timeout_us
        self.chunk, self.coming = np.zeros((n, self.horizon, nu)), np.zeros((n, self.horizon, nu))
        self.coming_done = np.zeros(n, bool)
        self.cursor = np.full(n, self.horizon)
        shapes: dict[str, tuple[int, ...]] = {"q": (nq,), "dq": (nq,), "grip": (), "tool": (3,)}
        shapes |= {"objects": (things, 7), "force": (3,), "last": (nu,)}
        self.blank = {k: np.full((n, *shape), np.nan) for k, shape in shapes.items() if k not in spec.observations}
        """What the policy did not declare, and so does not get: not a number."""
        self.seen = {k: np.zeros((n, *shape)) for k, shape in shapes.items() if k in spec.observations}
        self.goal, self.task = np.zeros((n, 3)), np.zeros(n, np.int64)
        self.ages_us = np.zeros((n, AGES), np.int64)
        self.answers = np.zeros(n, np.int64)
        self.next_ask_us = self.next_answer_us = self.next_late_us = 0
        """Before these µs no request reaches a server, no answer a row, and none is late."""
        self.timeouts = np.zeros(n, np.int64)
        self.late: Rows = NOBODY
        """Rows whose request went unanswered for too long at this tick and was sent again."""
        self.barred_us = np.zeros(n, np.int64)
        """No chunk that was asked for before this may be played; `stale` are rows that began one at this tick all the same, or
        got an answer long after they should have given it up."""
        self.born_us = np.zeros(n, np.int64)
        self.stale: Rows = NOBODY
        self.strays: list[tuple[int, int, int, int]] = []
        """Messages that nobody waits for, or copies: arrival in µs, row, way, exchange."""
        self.rejected = np.zeros(n, np.int64)
        """Answers that came to a row which did not wait for them any more."""

    def begin(self, row: int, seen: Observation, stream: Any, hold: Floats, episode: int, now_us: int = 0) -> None:
        """A new episode on `row`: nothing under way, hold `hold` (nu,) until the first chunk arrives."""
        self.goal[row], self.task[row] = seen.goal[0], seen.task[0]
        self.renew(row, seen, stream)
        self.forget(row, hold, now_us)
        self.links.begin(row, episode)
        self.answers[row] = self.timeouts[row] = 0

    def renew(self, row: int, seen: Observation, stream: Any) -> None:
        """The policy begins `row` anew, from what it sees now; goal and task stay."""
        rows = np.array([row])
        seen.goal, seen.task = self.goal[rows], self.task[rows]
        part = {k: v[rows] for k, v in self.memory.items()}
        self.policy.begin(part, seen, [stream])
        for key, value in part.items():
            self.memory[key][rows] = value

    def forget(self, row: int, hold: Floats, now_us: int) -> None:
        """Drop all that was commanded or asked on `row`: hold `hold` (nu,) until a chunk comes that is asked for later."""
        self._strand(row, 0)
        self.state[row] = IDLE
        self.cursor[row] = self.horizon
        self.chunk[row] = hold
        self.born_us[row] = now_us

    def due(self, now_us: int, rows: Rows, seen: Observation, playing: Bools) -> Floats:
        """(n, nu) what the policy asks of `rows` now. Rows not `playing` (stopped) ask for nothing."""
        self.stale = NOBODY
        if self.strays:
            self._promote(now_us)
        self._deliver(now_us, rows)
        self._request(now_us, rows, seen, playing)
        if now_us >= self.next_ask_us:
            for server in self.servers:
                self._infer(server, now_us, rows)
            asked_us = self.arrives_us[rows[self.state[rows] == ASKED]]
            free_us = min(server.machine.free_us for server in self.servers)
            self.next_ask_us = max(int(asked_us.min(initial=NEVER)), free_us)
            self._deliver(now_us, rows)
        if self.strays:
            self._stray(now_us + 1)
        asked, stale = np.empty((len(rows), self.chunk.shape[2])), np.zeros(len(rows), bool)
        coming = self.coming, self.coming_done, self.born_us, self.barred_us
        if _play(rows, playing, self.state, self.cursor, self.chunk, *coming, asked, stale):
            self.stale = np.union1d(self.stale, rows[stale])
        return asked

    def finished(self, rows: Rows) -> Bools:
        """(n,) the policy's last chunk has been played to its end."""
        finished: Bools = (self.state[rows] == LAST) & (self.cursor[rows] >= self.horizon)
        return finished

    def age_p99_s(self, row: int) -> float | None:
        """99th percentile of the ages of observations when their answer arrived, in s; None before the first answer."""
        count = min(int(self.answers[row]), AGES)
        if not count:
            return None
        ages, at = np.sort(self.ages_us[row, :count]), 0.99 * (count - 1)
        low = int(at)
        high = min(low + 1, count - 1)
        return (float(ages[low]) + (at - low) * float(ages[high] - ages[low])) / 1e6

    def _request(self, now_us: int, rows: Rows, seen: Observation, playing: Bools) -> None:
        self.late = NOBODY
        if now_us >= self.next_late_us:
            self._give_up(now_us, rows)
        ask = (self.state[rows] == IDLE) & (self.cursor[rows] >= self.replan) & playing
        if not np.count_nonzero(ask):
            return
        which = rows[ask]
        for key, kept in self.seen.items():
            kept[which] = getattr(seen, key)[ask]
        self.asked_us[which] = now_us
        self.state[which] = ASKED
        arrives = self.links.send(which, np.full(len(which), now_us), UP)
        self.arrives_us[which] = arrives
        self.strays += self.links.copies()
        self.next_ask_us = min(self.next_ask_us, int(arrives.min()))
        self.next_late_us = min(self.next_late_us, now_us + int(self.timeout_us[which].min()))

    def _give_up(self, now_us: int, rows: Rows) -> None:
        """Rows whose request is unanswered for too long may ask again."""
        state = self.state[rows]
        waiting = rows[(state == ASKED) | (state == ANSWERED)]
        ends = self.asked_us[waiting] + self.timeout_us[waiting]
        over = ends <= now_us
        self.late = waiting[over]
        self.timeouts[self.late] += 1
        self.barred_us[self.late] = now_us
        for row in self.late:
            self._strand(int(row), now_us)
        self.state[self.late] = IDLE
        self.next_late_us = int(ends[~over].min(initial=NEVER))

    def _strand(self, row: int, now_us: int) -> None:
        """What is under way on `row` goes on, but nobody waits for it."""
        if self.state[row] in (ASKED, ANSWERED) and self.arrives_us[row] < NEVER:
            way = UP if self.state[row] == ASKED else DOWN
            self.strays.append((max(now_us, int(self.arrives_us[row])), row, way, self.links.exchanges(row) - 1))

    def _promote(self, now_us: int) -> None:
        """Of two copies of what a row waits for the first counts, and the other one strays."""
        for i, (arrives, row, way, exchange) in enumerate(self.strays):
            awaited = exchange == self.links.exchanges(row) - 1 and self.state[row] == (ASKED if way == UP else ANSWERED)
            if awaited and arrives <= now_us and arrives < self.arrives_us[row]:
                self.strays[i] = (int(self.arrives_us[row]), row, way, exchange)
                self.arrives_us[row] = arrives
                self.next_ask_us = self.next_answer_us = 0
        self.strays = [message for message in self.strays if message[0] < NEVER]

    def _stray(self, before_us: int) -> None:
        """Messages that arrived before a time and that nobody waits for: requests occupy the server, answers are rejected."""
        due = sorted(message for message in self.strays if message[0] < before_us)
        self.strays = [message for message in self.strays if message[0] >= before_us]
        for arrives, row, way, exchange in due:
            if way == DOWN:
                self.rejected[row] += 1
                continue
            machine = next(server.machine for server in self.servers if server.rows[row])
            machine.free_us = max(machine.free_us, arrives) + machine.inference_us()
            back = self.links.send(np.array([row]), np.array([machine.free_us]), DOWN)
            self.strays += [(int(back[0]), row, DOWN, exchange)] * bool(back[0] < NEVER) + self.links.copies()

    def _outages(self, server: Server, now_us: int, rows: Rows) -> bool:
        """What reached a server while it served nothing is lost, or waits. False where it serves nothing now."""
        serves = True
        for outage in server.machine.outages:
            until_us = now_us + 1 if outage.until_us is None else outage.until_us
            arrives = self.arrives_us[rows]
            there = (self.state[rows] == ASKED) & server.rows[rows] & (arrives < until_us)
            met = there & (arrives > server.met.get(outage.from_us, -1))
            if np.count_nonzero(met):
                hit = rows[met]
                if outage.lossy:
                    self.arrives_us[hit] = NEVER
                spoilt = self.arrives_us[hit] >= NEVER if outage.lossy else self.state[hit] == ASKED
                outage.fault.measured(float(np.count_nonzero(spoilt)), 1)
            server.met[outage.from_us] = until_us - 1
            serves &= outage.until_us is not None
        return serves

    def lost_at(self, machine: Machine, fault: Injection, now_us: int) -> None:
        """A machine died: answers that it had not sent yet never come."""
        for server in self.servers:
            if server.machine is machine:
                lost = server.rows & (self.state == ANSWERED) & (self.leaves_us > now_us)
                self.arrives_us[lost] = NEVER
                if np.count_nonzero(lost):
                    fault.measured(float(np.count_nonzero(lost)), 1)

    def _infer(self, server: Server, now_us: int, rows: Rows) -> None:
        if server.machine.outages and not self._outages(server, now_us, rows):
            return
        while True:
            waiting = rows[(self.state[rows] == ASKED) & server.rows[rows] & (self.arrives_us[rows] <= now_us)]
            if not len(waiting):
                return
            arrives = self.arrives_us[waiting]
            if self.strays:
                self._stray(int(arrives.min()))
            start = max(server.machine.free_us, int(arrives.min()))
            if start > now_us:
                return
            there = arrives <= start
            batch = waiting[there]
            if len(batch) > server.batch:
                batch = np.sort(batch[np.argsort(arrives[there], kind="stable")][: server.batch])
            self._act(batch)
            server.machine.served(start)
            server.machine.free_us = start + server.machine.inference_us()
            self.state[batch] = ANSWERED
            self.leaves_us[batch] = server.machine.free_us
            arrives = self.links.send(batch, np.full(len(batch), server.machine.free_us), DOWN)
            self.arrives_us[batch] = arrives
            self.strays += self.links.copies()
            self.next_answer_us = min(self.next_answer_us, int(arrives.min()))

    def _act(self, batch: Rows) -> None:
        part = {k: v[batch] for k, v in self.memory.items()}
        blank = {key: value[: len(batch)] for key, value in self.blank.items()}
        told = {key: value[batch] for key, value in self.seen.items()}
        seen = Observation(**blank, **told, goal=self.goal[batch], task=self.task[batch])  # type: ignore[arg-type]
        chunk = self.policy.act(seen, part)
        wanted = (len(batch), *self.coming.shape[1:])
        if np.shape(chunk.actions) != wanted or np.shape(chunk.done) != wanted[:1]:
            given = f"actions {np.shape(chunk.actions)} and done {np.shape(chunk.done)}"
            who = getattr(self.policy, "use", type(self.policy).__name__)
            raise UseError(f"policy {who} answered {given}; expected {wanted} and {wanted[:1]}")
        self.coming[batch], self.coming_done[batch] = chunk.actions, chunk.done
        for key, value in part.items():
            self.planned[key][batch] = value

    def _deliver(self, now_us: int, rows: Rows) -> None:
        if now_us < self.next_answer_us:
            return
        answered = rows[self.state[rows] == ANSWERED]
        arrives = self.arrives_us[answered]
        there = arrives <= now_us
        self.next_answer_us = int(arrives[~there].min(initial=NEVER))
        arrived = answered[there]
        if not len(arrived):
            return
        for key, value in self.planned.items():
            self.memory[key][arrived] = value[arrived]
        self.state[arrived] = READY
        self.born_us[arrived] = self.asked_us[arrived]
        old = arrives[there] - self.asked_us[arrived] > 2 * self.timeout_us[arrived]
        if np.count_nonzero(old):
            self.stale = arrived[old]
        self.ages_us[arrived, self.answers[arrived] % AGES] = arrives[there] - self.asked_us[arrived]
        self.answers[arrived] += 1


@compiled
def _play(
    rows: Rows,
    playing: Bools,
    state: Any,
    cursor: Ints,
    chunk: Floats,
    coming: Floats,
    coming_done: Bools,
    born_us: Ints,
    barred_us: Ints,
    asked: Floats,
    stale: Bools,
) -> int:
    """The next command of each row's chunk into `asked` (n, nu); a chunk that has ended makes room for the coming one. How many
    rows began one that was asked for before they were barred, and which into `stale` (n,)."""
    horizon, count = chunk.shape[1], 0
    for i in range(len(rows)):
        row = rows[i]
        if cursor[row] >= horizon and state[row] == READY:
            chunk[row], cursor[row] = coming[row], 0
            state[row] = LAST if coming_done[row] else IDLE
            stale[i] = born_us[row] < barred_us[row]
            count += stale[i]
        over = cursor[row] >= horizon
        asked[i] = chunk[row, cursor[row] - over]
        cursor[row] += playing[i] and not over
    return count
