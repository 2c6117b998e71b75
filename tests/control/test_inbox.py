"""The inbox: when a chunk arrives, to the microsecond, and what becomes of it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.poses import lying
from twin.control.inbox import Inbox
from twin.control.links import LinkBank
from twin.control.policy import PolicySpec, Wanted
from twin.control.servers import Machine, Server
from twin.control.spec import ComputeSpec, LinkSpec
from twin.core.chance import Chance
from twin.core.errors import UseError
from twin.core.records import Chunk, Observation
from twin.faults.messages import NEVER

PERIOD_US, H, HOLD = 20_000, 5, -1.0


class Counting:
    """Its k-th chunk says 10 k, 10 k + 1 … It is done after its `chunks`-th."""

    def __init__(self, replan=H, chunks=99):
        self.replan, self.chunks, self.calls = replan, chunks, []

    def spec(self):
        return PolicySpec({"objects": Wanted((1, 7), 50.0)}, 2, H, self.replan, "1")

    def memory(self, n):
        return {"k": np.zeros(n)}

    def begin(self, memory, seen, streams):
        memory["k"][:] = 0

    def act(self, seen, memory):
        self.calls.append(seen.objects[:, 0, 0].tolist())
        actions = (10 * memory["k"])[:, None, None] + np.arange(H)[:, None] + np.zeros((len(memory["k"]), H, 2))
        memory["k"] += 1
        return Chunk(actions, memory["k"] >= self.chunks)


class Dead:
    """A link on which nothing arrives."""

    groups = ("one",)
    copies = ()

    def carry(self, rows, way, exchange, sent_us, arrives_us):
        return np.full(len(rows), NEVER)


def look(rows, at_us=0):
    n = len(rows)
    things, three = lying(np.full((n, 3), at_us)), np.zeros((n, 3))
    return Observation(np.zeros((n, 1)), np.zeros((n, 1)), np.zeros(n), three, things, three, np.zeros(n, int))


class Rig:
    """Rows with one way of `way_ms`, at one server that takes `inference_ms`; every row has begun."""

    def __init__(self, n=1, way_ms=30.0, policy=None, compute=True, **server):
        self.n, self.now_us, self.policy = n, 0, policy or Counting()
        spec = ComputeSpec(**({"inference_ms": 40, "timeout_ms": 200} | server)) if compute else None
        links = LinkBank([LinkSpec(latency_ms=way_ms)] * n, [f"c{i}" for i in range(n)], Chance(0))
        self.inbox = Inbox(self.policy, links, [Server(Machine("s", spec, Chance(0)), np.ones(n, bool))], n, 1, 1)
        for row in range(n):
            self.begin(row)

    def begin(self, row):
        self.inbox.begin(row, look([row]), None, np.full(2, HOLD), 1)

    def tick(self, rows=None, playing=True):
        """What each row is told to do now; then a control period passes."""
        rows = np.arange(self.n, dtype=np.int32) if rows is None else np.array(rows, np.int32)
        asked = self.inbox.due(self.now_us, rows, look(rows, self.now_us), np.broadcast_to(playing, len(rows)))
        self.now_us += PERIOD_US
        return asked[:, 0].tolist()

    def ticks(self, n, **more):
        return [told for _ in range(n) for told in self.tick(**more)]


def test_a_chunk_arrives_after_the_way_there_the_inference_and_the_way_back():
    told = Rig().ticks(11)  # asked at 0, there at 30, worked out at 70, back at 100 ms
    assert told == [HOLD] * 5 + [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(("way_ms", "first"), [(29.9, 5), (30.0, 5), (30.1, 6), (0.0, 2), (75.0, 10)])
def test_it_is_used_at_the_first_tick_after_it_arrived(way_ms, first):
    assert Rig(way_ms=way_ms).ticks(12).index(0) == first


def test_without_latency_the_command_comes_in_the_same_tick():
    rig = Rig(n=2, way_ms=0.0, compute=False)
    assert [rig.tick() for _ in range(7)] == [[k, k] for k in (0, 1, 2, 3, 4, 10, 11)]


def test_a_chunk_asked_for_early_takes_over_without_a_gap():
    rig = Rig(way_ms=10.0, policy=Counting(replan=1), inference_ms=20)  # 40 ms in all
    assert rig.ticks(12) == [HOLD] * 2 + [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


def test_a_chunk_that_comes_late_finds_the_row_holding_its_last_command():
    rig = Rig(policy=Counting(replan=3))  # asked at 160, back at 260 ms
    assert rig.ticks(15) == [HOLD] * 5 + [0, 1, 2, 3, 4, 4, 4, 4, 10, 11]


def test_the_observation_is_that_of_the_moment_it_was_asked():
    rig = Rig()
    rig.ticks(16)
    assert rig.policy.calls == [[0.0], [200_000.0]]


def test_who_comes_while_the_server_is_busy_waits_for_it():
    rig = Rig(n=2)
    told = [rig.tick(rows=[0])] + [rig.tick() for _ in range(8)]  # row 1: there at 50, from 70 to 110, back at 140 ms
    assert [len(t) and t[-1] for t in told[1:]] == [HOLD] * 6 + [0, 1]
    assert rig.policy.calls == [[0.0], [20_000.0]]


def test_who_waits_together_is_served_together():
    rig = Rig(n=3, way_ms=0.0)
    for rows in ([0], [0, 1], [0, 1, 2], [0, 1, 2]):
        rig.tick(rows=rows)
    assert rig.policy.calls == [[0.0], [20_000.0, 40_000.0]]


def test_a_batch_is_not_larger_than_its_limit_and_takes_who_came_first():
    rig = Rig(n=3, batch=2)
    told = [rig.tick() for _ in range(9)]  # the third is served from 70 to 110, back at 140 ms
    assert [t.index(0) for t in np.array(told).T.tolist()] == [5, 5, 7]
    assert [len(call) for call in rig.policy.calls] == [2, 1]


def test_short_inferences_are_all_worked_out_within_a_tick():
    rig = Rig(n=4, way_ms=1.0, batch=1, inference_ms=4)
    assert np.array([rig.tick() for _ in range(3)])[1].tolist() == [0, 0, 0, 0]


def lose_the_answer(rig):
    """The request travels; the answer, sent when the server is asked to look at 40 ms, is lost."""
    rig.ticks(2)
    rig.inbox.links.faults = Dead()
    rig.ticks(1)
    rig.inbox.links.faults = None


def test_a_lost_answer_leaves_the_policys_memory_as_it_was():
    rig = Rig()
    lose_the_answer(rig)
    assert rig.inbox.memory["k"][0] == 0 and rig.inbox.planned["k"][0] == 1


def test_after_the_time_out_it_is_asked_again_and_the_same_chunk_comes():
    rig = Rig()
    lose_the_answer(rig)
    told = rig.ticks(7)
    assert told == [HOLD] * 7 and not len(rig.inbox.late)
    assert rig.ticks(1) == [HOLD] and rig.inbox.late.tolist() == [0]  # 200 ms after the first
    assert rig.ticks(6) == [HOLD] * 4 + [0, 1] and rig.inbox.timeouts[0] == 1
    assert rig.policy.calls == [[0.0], [200_000.0]]


def test_a_lost_request_is_asked_again_too():
    rig = Rig()
    rig.inbox.links.faults = Dead()
    rig.ticks(1)
    rig.inbox.links.faults = None
    assert rig.ticks(15).index(0) == 14 and rig.policy.calls == [[200_000.0]]


def test_an_answer_that_comes_after_the_time_out_is_not_used():
    rig = Rig(way_ms=90.0)  # 220 ms in all, and again and again
    assert set(rig.ticks(40)) == {HOLD} and rig.inbox.timeouts[0] == 3 and rig.inbox.memory["k"][0] == 0


def test_an_answer_to_a_request_that_was_given_up_is_rejected_when_it_comes():
    rig = Rig(way_ms=90.0)
    rig.ticks(14)
    assert rig.inbox.rejected[0] == 1 and rig.inbox.answers[0] == 0


class Kept:
    """A link that keeps what it is given while it is down, and delivers it all at `back_us`."""

    groups, copies = ("one",), ()

    def __init__(self, back_us):
        self.back_us = back_us

    def carry(self, rows, way, exchange, sent_us, arrives_us):
        return np.maximum(arrives_us, self.back_us)


def test_when_a_link_is_back_only_the_last_request_is_answered_and_no_old_command_is_used():
    rig = Rig()
    rig.inbox.links.faults = Kept(850_000)
    told = rig.ticks(60)
    assert rig.policy.calls[0] == [800_000.0] and told.index(0) >= 45 and rig.inbox.rejected[0] == 4
    assert rig.inbox.ages_us[0, : rig.inbox.answers[0]].max() <= 200_000


class Twice:
    """A link on which every message arrives a second time, `apart_us` later."""

    groups = ("one",)

    def __init__(self, apart_us):
        self.apart_us, self.copies = apart_us, []

    def carry(self, rows, way, exchange, sent_us, arrives_us):
        self.copies += [
            (int(a) + self.apart_us, int(r), way, int(e)) for a, r, e in zip(arrives_us, rows, exchange, strict=True)
        ]
        return arrives_us


def test_of_two_copies_the_first_counts_and_the_server_works_for_both():
    plain, rig = Rig(), Rig()
    rig.inbox.links.faults = Twice(1_000)
    assert rig.ticks(12) == plain.ticks(12) and rig.inbox.answers[0] == plain.inbox.answers[0]
    assert rig.inbox.servers[0].machine.free_us > plain.inbox.servers[0].machine.free_us
    rig.ticks(10)
    assert rig.inbox.rejected[0] > 0


def test_a_stopped_row_keeps_its_place_in_its_chunk():
    rig = Rig(n=2)
    rig.ticks(6)
    stopped = [rig.tick(playing=np.array([True, False])) for _ in range(3)]
    assert [t[1] for t in stopped] == [1, 1, 1] and [t[0] for t in stopped] == [1, 2, 3]
    assert rig.tick() == [4, 1]


def test_a_stopped_row_asks_for_nothing():
    rig = Rig()
    rig.ticks(4, playing=False)
    assert rig.inbox.links.exchanges(0) == 0


def test_it_is_finished_when_its_last_chunk_was_played():
    rig = Rig(way_ms=0.0, compute=False, policy=Counting(chunks=2))
    over = []
    for _ in range(12):
        rig.tick()
        over.append(bool(rig.inbox.finished(np.zeros(1, np.int32))[0]))
    assert over.index(True) == 9 and len(rig.policy.calls) == 2


def test_a_new_episode_forgets_what_was_under_way():
    rig = Rig()
    rig.ticks(4)
    rig.begin(0)
    assert rig.ticks(7) == [HOLD] * 5 + [0, 1] and rig.inbox.answers[0] == 1


def test_the_age_of_an_observation_is_that_of_its_answer():
    rig = Rig()
    assert rig.inbox.age_p99_s(0) is None
    rig.ticks(30)
    assert rig.inbox.age_p99_s(0) == pytest.approx(0.1)


def test_a_pickled_inbox_goes_on_where_it_was():
    rig = Rig(n=3, batch=2, policy=Counting(replan=2))
    rig.ticks(9)
    other = pickle.loads(pickle.dumps(rig))
    assert rig.ticks(20) == other.ticks(20)


def test_a_chunk_of_another_shape_is_refused_with_the_policy_named():
    class Wrong(Counting):
        def act(self, seen, memory):
            return Chunk(np.zeros((len(seen.objects), H, 5)), np.zeros(len(seen.objects), bool))

    rig = Rig(policy=Wrong())
    with pytest.raises(UseError, match=r"policy Wrong answered actions .*; expected"):
        rig.ticks(5)


def test_lanes_that_name_one_machine_wait_for_each_other():
    machine = Machine("s", ComputeSpec(inference_ms=40, timeout_ms=500), Chance(0))

    def rig():
        made = Rig()
        made.inbox.servers = (Server(machine, np.ones(1, bool)),)
        return made

    first, second = rig(), rig()
    told = [(first.tick()[0], second.tick()[0]) for _ in range(9)]
    assert [a for a, _ in told].index(0) == 5 and [b for _, b in told].index(0) == 7  # 100 ms; 40 ms more


def test_what_a_stop_dropped_is_told_to_the_policy_once():
    rig = Rig(way_ms=0.0, compute=False, policy=(counting := Counting(replan=1)))
    told, act = [], counting.act
    counting.act = lambda seen, memory: (told.append(int(seen.unplayed[0])), act(seen, memory))[1]
    rig.ticks(3)  # two commands of the first chunk are left, and the whole second one
    rig.inbox.forget(0, np.full(2, HOLD), rig.now_us)
    rig.ticks(12)
    assert told[:2] == [0, 0] and told[2] == H - 3 + H and set(told[3:]) == {0}
