"""How commands reach a lane: requests travel to a policy server, wait, are inferred in batches, and chunks travel back.

Each row has at most one request under way. Its arrival, the batch it falls into and the arrival of its answer are exact µs,
worked out at the lane's ticks. The policy's memory changes only when its answer arrives: a lost answer leaves no trace, and the
same request sent again plans from where the robot really is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.links import DOWN, UP, LinkBank
from twin.control.policy import Policy
from twin.control.servers import Machine, Server
from twin.core.compiled import compiled
from twin.core.errors import UseError
from twin.core.records import Bools, Floats, Ints, Observation, Rows
from twin.faults.injection import Injection
from twin.faults.messages import NEVER

IDLE, ASKED, ANSWERED, READY, LAST = range(5)
"""What a row's inbox does: nothing (it may ask), a request or an answer is under way, the coming chunk waits for the current
one to end, the current chunk is the policy's last."""
AGES = 256
"""Observation ages kept per episode for its 99th percentile."""
NOBODY: Rows = np.zeros(0, np.int32)


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
        self.unplayed = np.zeros(n, np.int64)
        """Ticks of chunks that were forgotten before they were played, since the policy last answered."""
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
        self.forget(row, hold, now_us)
        self.renew(row, seen, stream)
        self.links.begin(row, episode)
        self.answers[row] = self.timeouts[row] = 0

    def renew(self, row: int, seen: Observation, stream: Any) -> None:
        """The policy begins `row` anew, from what it sees now; goal and task stay."""
        rows = np.array([row])
        seen.goal, seen.task = self.goal[rows], self.task[rows]
        part = {k: v[rows] for k, v in self.memory.items()}
        self.policy.begin(part, seen, [stream])
        self.unplayed[row] = 0
        for key, value in part.items():
            self.memory[key][rows] = value

    def forget(self, row: int, hold: Floats, now_us: int) -> None:
        """Drop all that was commanded or asked on `row`: hold `hold` (nu,) until a chunk comes that is asked for later."""
        self._strand(row, 0)
        self.unplayed[row] += self.horizon - self.cursor[row] + (self.horizon if self.state[row] == READY else 0)
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
        ask = np.empty(len(rows), bool)
        if not _free(rows, playing, self.state, self.cursor, self.replan, ask):
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
        asked = {"goal": self.goal[batch], "task": self.task[batch], "unplayed": self.unplayed[batch]}
        seen = Observation(**blank, **told, **asked)  # type: ignore[arg-type]
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
        there, old = np.zeros((2, len(rows)), bool)
        times = self.asked_us, self.arrives_us, self.timeout_us, self.born_us
        self.next_answer_us, late = _arrive(now_us, rows, self.state, *times, self.ages_us, self.answers, there, old)
        arrived = rows[there]
        if len(arrived):
            for key, value in self.planned.items():
                self.memory[key][arrived] = value[arrived]
            self.unplayed[arrived] = 0
        if late:
            self.stale = rows[old]


@compiled
def _free(rows: Rows, playing: Bools, state: Any, cursor: Ints, replan: int, ask: Bools) -> int:
    """How many rows have nothing under way and may ask again, and which into `ask` (n,)."""
    count = 0
    for i in range(len(rows)):
        ask[i] = playing[i] and state[rows[i]] == IDLE and cursor[rows[i]] >= replan
        count += ask[i]
    return count


@compiled
def _arrive(
    now_us: int,
    rows: Rows,
    state: Any,
    asked_us: Ints,
    arrives_us: Ints,
    timeout_us: Ints,
    born_us: Ints,
    ages_us: Ints,
    answers: Ints,
    there: Bools,
    old: Bools,
) -> tuple[int, int]:
    """Answers that have reached their row by now, and which rows those are into `there` (n,): when the next one does, and how
    many were under way for so long that they should have been given up, which into `old` (n,)."""
    following, late = NEVER, 0
    for i in range(len(rows)):
        row = rows[i]
        if state[row] != ANSWERED:
            continue
        if arrives_us[row] > now_us:
            following = min(following, arrives_us[row])
            continue
        age = arrives_us[row] - asked_us[row]
        there[i], state[row], born_us[row] = True, READY, asked_us[row]
        ages_us[row, answers[row] % AGES] = age
        answers[row] += 1
        old[i] = age > 2 * timeout_us[row]
        late += old[i]
    return following, late


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
