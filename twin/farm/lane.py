"""A lane: one cell model at one control period, its rows (cells), and the loop that everything exists for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.control.authority import Authority
from twin.control.handover import HandOver
from twin.control.inbox import Inbox
from twin.control.links import LinkBank
from twin.control.releases import Releases
from twin.control.safety.chain import Chain
from twin.control.safety.jumps import Jumps
from twin.control.safety.limits import Bounds
from twin.control.safety.persons import Persons
from twin.control.safety.promises import Promises, Tick
from twin.control.safety.stops import Stops
from twin.control.selftest import SelfTest
from twin.control.sensing import Sensors
from twin.control.teleop import Console
from twin.core.clock import US
from twin.core.clock import Chain as HashChain
from twin.core.records import Bools, Certified, Floats, Ints, Observation, Rows
from twin.farm.loops import breaking, dropped, moved
from twin.faults.injection import Injection
from twin.faults.ports import Ports
from twin.world.base import Start, World
from twin.world.kinematics import Arm
from twin.world.tasks import Task

Outcome = tuple[int, str, Any]
"""(row, what, detail): void, finished, stop, standstill, grip_loss, link_timeout, filter, filter_failed, breach, tested,
operated."""

BREACHES = ("workspace_violation", "joint_limit_violation", "velocity_violation", "separation_violation")
"""What is judged of every row at every tick."""
HOLD_S = 0.2
"""How long the gripper must have held an object before losing it counts as a loss (s)."""


class Lane:
    """Rows of one world, stepped together. The farm says which rows run (`begin`, `end`); a lane resets nothing by itself."""

    def __init__(
        self,
        index: int,
        world: World,
        arm: Arm,
        inbox: Inbox,
        safety: Chain,
        ports: Ports,
        sensors: Sensors,
        test: SelfTest,
        period_us: int,
        tasks: Mapping[str, Task],
        things: int,
        width_m: float,
        box: Floats,
        bounds: Bounds,
    ) -> None:
        """tasks: those of its cells, by name; things: how many can be moved; width_m: what fingers that hold one measure;
        bounds: what the joints may do in a period; box (2, 3) m: where the tool must stay, judged on ground truth."""
        n, self.index, self.world, self.arm = world.n, index, world, arm
        self.inbox, self.safety, self.faults, self.sensors = inbox, safety, ports, sensors
        self.test, self.late = test, ports.process
        self.period_us, self.period_s, self.steps = period_us, period_us / US, period_us // world.step_us
        self.tasks, self.width_m, self.box = tasks, width_m, box
        self.hold_ticks = math.ceil(HOLD_S / self.period_s)
        self.q_low, self.q_high, self.v_max = arm.limits[:, 0] - 1e-3, arm.limits[:, 1] + 1e-3, arm.velocity * 1.1
        self.rows: Rows = np.zeros(0, np.int32)
        self.at: Any = self.rows
        """What indexes the lane's arrays: the rows, or a slice when all run."""
        self.began = Start.blank(n, world.nq, things)
        """How the last episode of each row began."""
        self.sent, self.sent_v = np.zeros((n, world.nu)), np.zeros((n, world.nq))
        self.tool, self.peak_v2 = np.zeros((n, 3)), np.zeros(n)
        self.filtered, self.changed = np.zeros(n, np.int64), np.zeros(n, np.int64)
        """Ticks at which a filter changed the command; which one did at the last tick (0: none)."""
        self.stops, self.jumps, self.voided = Stops(bounds, n), Jumps(bounds, n), np.zeros(n, bool)
        self.held, self.breached = np.zeros(n, np.int64), np.zeros((n, 4), bool)
        self.persons: Persons
        """Whoever is in its cells; set by who builds it."""
        self.promises: Promises | None = None
        """Where some check asks for more than is judged always."""
        self.authority, self.passing = Authority(n), HandOver(bounds, n)
        here = inbox.links
        desks = [f"{name}/teleop" for name in here.names]
        self.console = Console(self.authority, LinkBank(here.specs, desks, here.chance, here.faults))
        self.releases: Releases | None = None
        """Where some of its rows may run another version than the fleet's."""
        self.left: list[tuple[int, str]] = []
        """Rows whose operator is done at this tick, and how."""
        self.ticks = self.row_ticks = 0

    def begin(self, now_us: int, row: int, episode: int, task: str, start: Start, stream: Any) -> None:
        """Row `row` runs an episode of a task from `start` (one row)."""
        seen = self._place(now_us, row, episode, start)
        seen.goal, seen.task = start.goal, np.array([list(self.tasks).index(task)])
        self.inbox.begin(row, seen, stream, self.sent[row], episode, now_us)
        self.inbox.barred_us[row] = now_us
        self._join(row)

    def begin_test(self, now_us: int, row: int, episode: int, start: Start) -> None:
        """Row `row` tests itself from `start` (one row): no policy is asked."""
        self._place(now_us, row, episode, start)
        self.forget(now_us, row)
        self.test.begin(row, self.sent[row])
        self._join(row)

    def begin_driven(self, now_us: int, row: int, episode: int, start: Start) -> None:
        """Row `row` is driven from afar from `start` (one row): no policy is asked."""
        self._place(now_us, row, episode, start)
        self.forget(now_us, row)
        self._join(row)

    def _place(self, now_us: int, row: int, episode: int, start: Start) -> Observation:
        """Put a row into its start, where it is held; what it sees there."""
        one = np.array([row], np.int32)
        self.world.reset(one, start)
        self.faults.after_reset(row, self.world, now_us)
        seen = self.world.observe(one)
        self.sensors.begin(row, episode)
        self.tool[row] = seen.tool[0]
        seen = self.faults.first(now_us, row, self.sensors.read(now_us, one, seen))
        self.began.put(one, start)
        if self.releases is not None:
            self.releases.begin(row)
        self.safety.begin(row)
        self.sent[row], self.sent_v[row] = np.append(start.q[0], start.grip[0]), 0.0
        self.peak_v2[row], self.filtered[row], self.held[row] = 0.0, 0, 0
        self.voided[row] = False
        self.breached[row] = False
        if self.promises is not None:
            self.promises.begin(row)
        self.passing.end(row)
        self.jumps.forget(row)
        return seen

    def _join(self, row: int) -> None:
        self._set_rows(np.sort(np.append(self.rows, np.int32(row))))

    def end(self, row: int) -> None:
        """Row `row` runs no longer and costs nothing."""
        self.test.end(row)
        self.console.seats.pop(row, None)
        self.authority.reset(row, 0)
        self.stops.clear(row, self.world)
        self._set_rows(self.rows[self.rows != row])

    def stop(self, now_us: int, row: int, category: int) -> bool:
        """Stop a row; what it was commanded before is forgotten. False where it is stopped so strictly already."""
        if not self.stops.trip(row, category, now_us, self.world):
            return False
        self.forget(now_us, row)
        return True

    def darken(self, now_us: int, row: int) -> None:
        """Row `row`, which runs nothing, has lost its power: its brakes take the arm from where it is."""
        self.forget(now_us, row)
        self.stops.trip(row, 0, now_us, self.world)
        self._join(row)

    def reset_stop(self, row: int) -> bool:
        """Unlatch a stop that has come to rest: nothing moves."""
        return self.stops.reset(row, self.world)

    def start(self, now_us: int, row: int) -> bool:
        """Let commands through again, from where the arm stands. False unless the row's stop was reset."""
        if not self.stops.start(row):
            return False
        self.safety.begin(row)
        self.forget(now_us, row)
        self.jumps.watch(now_us, row, self.sent[row, :-1], self.sent_v[row])
        return True

    def forget(self, now_us: int, row: int) -> None:
        """What was commanded or asked on a row is gone; that none of it comes back is watched."""
        self.inbox.forget(row, self.sent[row], now_us)
        self.inbox.barred_us[row] = now_us

    def relieve(self, now_us: int, fault: Injection) -> None:
        """A fault at one of the lane's ports ends. A drive that is given back goes on from where the arm stands."""
        self.faults.leave(fault, self.world, now_us)
        row = fault.row
        if fault.spec.DRIVES and self.faults.place[row] >= 0:
            arm = self.world.truth(np.array([row], np.int32))
            self._resume(now_us, row, arm.q[0], arm.dq[0])
            self.jumps.watch(now_us, row, arm.q[0], arm.dq[0])

    def _resume(self, now_us: int, row: int, q: Floats, dq: Floats) -> None:
        """What was commanded is forgotten: the next command goes on from `q` (nq,) at speed `dq` (nq,)."""
        self.sent[row, :-1], self.sent_v[row] = q, dq
        self.safety.begin(row)
        self.forget(now_us, row)

    def _set_rows(self, rows: Rows) -> None:
        self.rows = rows
        self.at = slice(None) if len(rows) == self.world.n else rows
        self.faults.stepped(rows)

    def tick(self, now_us: int, log: HashChain) -> list[Outcome]:
        """One control period of all running rows; returns what the farm must deal with."""
        seen, breaches = self.look(now_us)
        return self.act(now_us, seen, breaches, log)

    def act(self, now_us: int, seen: Observation, breaches: Bools | None, log: HashChain) -> list[Outcome]:
        """Decide on what was seen, move, and say what came of it."""
        rows, at = self.rows, self.at
        missed = self.late.misses(self.ticks, rows) if self.late.faults else None
        asked = self._asked(now_us, rows, at, seen, missed)
        if self.safety.wants:
            self._show(now_us, rows, seen)
        sent = self.safety.certify(seen, asked)
        if missed is not None:
            sent.command = self.late.keep(missed, rows, sent.command, seen.last, self.period_us)
        if self.stops.any:
            sent = self._stopping(at, seen, sent)
        self.world.step(rows, self.faults.actuator(now_us, sent.command, self.held), self.steps)
        self.faults.measure(self.world, now_us)
        self._keep(at, seen, sent)
        self.ticks, self.row_ticks = self.ticks + 1, self.row_ticks + len(rows)
        log.add_array(rows)
        log.add_array(self.world.state(rows))
        return self._outcomes(now_us, rows, at, seen, sent, breaches)

    def look(self, now_us: int) -> tuple[Observation, Bools | None]:
        """What the rows sense, and whether the truth behind it broke a promise (n, 4); None: nowhere."""
        rows = self.rows
        seen = self.world.observe(rows)
        out, seen.tool_v = self._broken(now_us, rows, seen), np.empty((len(rows), 3))
        moved(rows, seen.tool, self.period_s, self.tool, self.peak_v2, seen.tool_v)
        if self.persons.faults:
            self.persons.measure(rows, now_us, self.period_us)
        if self.promises is not None:
            self.promises.truth = self.world.truth(rows)
        seen = self.faults.sense(now_us, self.sensors.read(now_us, rows, seen))
        seen.rows, seen.last, seen.last_v = rows, self.sent[rows], self.sent_v[rows]
        return seen, out

    def _broken(self, now_us: int, rows: Rows, true: Observation) -> Bools | None:
        """Which promises the truth breaks (n, 4), by `BREACHES`; None: none anywhere."""
        out = np.zeros((len(rows), len(BREACHES)), bool)
        some = breaking(true.tool, true.q, true.dq, self.box, self.q_low, self.q_high, self.v_max, out)
        if self.persons.any:
            out[:, -1] = self.persons.too_near(rows, now_us, true.q, true.dq)
            some += int(np.count_nonzero(out[:, -1]))
        return out if some else None

    def last_breaches(self, now_us: int, row: int) -> list[str]:
        """What the truth breaks after a row's last step, which no tick will look at, and what was not told before."""
        one = np.array([row], np.int32)
        found = None if self.voided[row] else self._broken(now_us, one, self.world.observe(one))
        return [] if found is None else [BREACHES[k] for k in np.flatnonzero(found[0] & ~self.breached[row])]

    def _asked(self, now_us: int, rows: Rows, at: Any, seen: Observation, missed: Bools | None) -> Floats:
        """The policy's command, or the self-test's; a stopped robot, or one whose controller is late, asks for nothing."""
        playing, testing = self.stops.running(at), self.test.on[at]
        if missed is not None:
            playing = playing & ~missed
        if self.passing.back:
            self.passing.renew(rows, seen, self.inbox)
        driven = self.authority.by_hand(at) if self.authority.any else None
        if driven is not None:
            playing = playing & ~driven
        some = np.count_nonzero(testing)
        asked = self.inbox.due(now_us, rows, seen, playing & ~testing if some else playing)
        if some:
            self.test.ask(rows, seen, asked)
        if driven is not None:
            self.left = self.console.ask(now_us, rows, seen, asked)
        if self.passing.any:
            asked = self.passing.smooth(seen, asked)
        return self.faults.command(now_us, asked)

    def _show(self, now_us: int, rows: Rows, seen: Observation) -> None:
        """What only some filters read."""
        if "age" in self.safety.wants:
            seen.asked_us = self._born_us(now_us, rows)
            seen.age_s = (now_us - seen.asked_us) / US
        if "human" in self.safety.wants:
            seen.human, seen.human_age_s = self.persons.seen(rows, now_us)

    def _born_us(self, now_us: int, rows: Rows) -> Ints:
        """(n,) when what rows are commanded now was seen, whoever commands it."""
        return self.console.born(rows, np.where(self.test.on[rows], now_us, self.inbox.born_us[rows]))

    def _stopping(self, at: Any, seen: Observation, sent: Certified) -> Certified:
        """Rows that are stopped do what their stop says, whatever filters made of a command: no filter delays a stop."""
        held = ~self.stops.running(at)
        command, changed, off = sent.command.copy(), sent.changed.copy(), self.stops.off[at][held]
        last, last_v = seen.last[held], seen.last_v[held]
        last[:, :-1] = self.stops.slowed(last[:, :-1], last_v)
        last[off, :-1] = seen.q[held][off]
        command[held], changed[held] = last, 0
        return Certified(command, changed, sent.margin, sent.stop, sent.by, sent.failed)

    def _keep(self, at: Any, seen: Observation, sent: Certified) -> None:
        """What the next tick compares with."""
        self.sent_v[at] = (sent.command[:, :-1] - seen.last[:, :-1]) / self.period_s
        self.sent[at], self.changed[at] = sent.command, sent.changed
        if self.stops.any:
            self.sent_v[self.stops.off] = 0.0

    def _outcomes(
        self, now_us: int, rows: Rows, at: Any, seen: Observation, sent: Certified, breaches: Bools | None
    ) -> list[Outcome]:
        out: list[Outcome] = []
        bad = self.world.status(rows)
        if np.count_nonzero(bad):
            self.voided[rows[bad]] = True
            out += [(int(r), "void", None) for r in rows[bad]]
        if breaches is not None:
            self._first_breaches(rows, at, breaches, out)
        if self.promises is not None:
            self._promised(now_us, rows, at, seen, sent, out)
        if np.count_nonzero(sent.changed):
            changed = sent.changed > 0
            self.filtered[at] += changed
            first = np.flatnonzero(changed & (self.filtered[at] == 1))
            out += [(int(rows[i]), "filter", self.safety.label(int(sent.changed[i]))) for i in first]
        if np.count_nonzero(sent.stop):
            demanded = np.flatnonzero(sent.stop & self.stops.running(at))
            out += [(int(rows[i]), "stop", self.safety.label(int(sent.by[i]))) for i in demanded]  # type: ignore[index]
        out += [(int(rows[i]), "filter_failed", (name, why)) for i, name, why in sent.failed]
        if self.stops.any:
            self._stopped(now_us, rows, out)
        lost = np.empty(len(rows), bool)
        if dropped(rows, sent.command, seen.grip, self.width_m, self.hold_ticks, self.held, lost):
            out += [(int(r), "grip_loss", None) for r in rows[lost]]
        out += [(int(r), "link_timeout", None) for r in self.inbox.late]
        out += [(int(r), "breach", "stop_violation") for r in self.inbox.stale]
        if self.left:
            out += [(row, "operated", how) for row, how in self.left]
            self.left = []
        out += [(row, "tested", wrong) for row, wrong in self.test.over(rows)]
        if now_us < self.jumps.until_us:
            jumped = self.jumps.found(now_us, rows, sent.command[:, :-1])
            out += [(int(r), "breach", "command_jump_violation") for r in jumped]
        done = self.inbox.finished(rows)
        if np.count_nonzero(done):
            out += [(int(r), "finished", None) for r in rows[done]]
        return out

    def _stopped(self, now_us: int, rows: Rows, out: list[Outcome]) -> None:
        """Stops that came to rest, and what moved or was carried out against a stop (never known to the farm)."""
        found = self.stops.watch(now_us + self.period_us, rows, self.world)
        out += [(stop.row, "breach", "stop_violation") for stop in found if stop.moved]
        out += [(stop.row, "standstill", stop) for stop in found]

    def _first_breaches(self, rows: Rows, at: Any, breaches: Bools, out: list[Outcome]) -> None:
        fresh = breaches & ~self.breached[at]
        self.breached[at] |= breaches
        out += [(int(rows[i]), "breach", BREACHES[k]) for i, k in zip(*np.nonzero(fresh), strict=True)]

    def _promised(self, now_us: int, rows: Rows, at: Any, seen: Observation, sent: Certified, out: list[Outcome]) -> None:
        """Promises that were broken at this tick; each is told once an episode."""
        judge = self.promises
        assert judge is not None and judge.truth is not None
        braked, born_us = self.safety.brakes[sent.changed], self._born_us(now_us, rows)
        tick = Tick(now_us, rows, judge.truth, seen.last, seen.last_v, sent.command, born_us, braked)
        fresh = judge.judge(tick, self.stops.running(at) & ~self.voided[at]) & ~judge.told[at]
        judge.truth = None
        judge.told[at] |= fresh
        out += [(int(rows[i]), "breach", judge.names[k]) for i, k in zip(*np.nonzero(fresh), strict=True)]
