"""What each fault of a link does to messages, and what its receipt says of it."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from twin.control.links import DOWN, UP, LinkBank
from twin.control.spec import LinkSpec
from twin.core.chance import Chance
from twin.faults.catalogue import FaultSpec
from twin.faults.group import Body, enter, leave
from twin.faults.injection import SURELY, Injection
from twin.faults.link import LinkReorder
from twin.faults.messages import NEVER, LinkPort

ROW = np.zeros(1, np.int32)


class Line:
    """One link of 10 ms with faults on it."""

    def __init__(self, *modes):
        self.port = LinkPort(Body(None, 0.08, 100_000, np.zeros(3)), 1)
        self.bank = LinkBank([LinkSpec(latency_ms=10)], ["a"], Chance(0), self.port)
        self.bank.begin(0, 1)
        self.faults = []
        for number, (mode, more) in enumerate(modes):
            given = {"component": "link", "mode": mode, "onset": {"at_s": 0}} | more
            self.faults.append(Injection(mode, TypeAdapter(FaultSpec).validate_python(given), "a", 0, 0, number))
            self.faults[-1].begin(0, number + 7)
            enter(self.port.groups, self.faults[-1])

    def send(self, at_ms, way=UP):
        """When a message arrives, in ms, or None."""
        arrives = int(self.bank.send(ROW, np.array([1000 * at_ms]), way)[0])
        return arrives / 1000 if arrives < NEVER else None

    def sends(self, n, every_ms=100, way=UP):
        return [self.send(k * every_ms, way) for k in range(n)]


def line(mode, **more):
    made = Line((mode, more))
    return made, made.faults[0]


def test_a_jitter_follows_its_law_and_the_receipt_says_its_mean():
    wire, fault = line("jitter", added_ms={"kind": "exponential", "mean": 40})
    late = np.array(wire.sends(3000)) - 100 * np.arange(3000) - 10
    assert late.mean() == pytest.approx(40, rel=0.1) and fault.effect == pytest.approx(late.mean())
    assert np.quantile(late, 0.9) == pytest.approx(40 * np.log(10), rel=0.1)


def test_request_and_answer_share_one_round_trip_of_a_trace():
    values = [20.0, 60.0, 400.0]
    wire, fault = line("latency", added_ms={"kind": "trace", "path": "", "round_trip": True, "values_ms": values})
    trips = [wire.send(0) + wire.send(0, DOWN) - 20 for _ in range(6)]
    assert trips[:3] == trips[3:] and sorted(trips[:3]) == values and fault.effect == pytest.approx(80)


def test_bursts_lose_more_in_a_row_than_chance_would():
    wire, fault = line("burst_loss", good_to_bad=0.02, bad_to_good=0.2)
    gone = np.array([arrives is None for arrives in wire.sends(6000)])
    assert (gone[1:] & gone[:-1]).mean() > 5 * gone.mean() ** 2
    assert fault.effect == gone.sum() == pytest.approx(fault.doubt / SURELY, rel=0.1)  # a burst loses all, else none


def test_copies_are_on_the_line_for_whoever_takes_them():
    wire, fault = line("duplicate", share=0.5, apart_ms=3)
    arrives, copies = wire.sends(200), wire.bank.copies()
    assert fault.effect == len(copies) == pytest.approx(100, abs=30) and not wire.bank.copies()
    assert all(at == 1000 * (arrives[exchange] + 3) and way == UP for at, _, way, exchange in copies)


def test_what_is_held_up_is_overtaken_by_what_follows():
    wire, fault = line("reorder", share=0.2, held_ms=250)
    arrives = np.array(wire.sends(500))
    assert fault.effect == sum(arrives[k] < arrives[:k].max() for k in range(1, 500)) > 80


def test_what_is_held_up_for_too_short_a_time_is_not_overtaken_and_the_receipt_says_so():
    wire, fault = line("reorder", share=0.5, held_ms=50)
    wire.sends(200)
    fault.exposed_us = 1
    assert fault.effect == 0 and fault.status() == "inert"


def test_a_line_that_holds_nothing_up_is_found_out(monkeypatch):
    monkeypatch.setattr(LinkReorder, "carry", lambda fault, message, memory: message.arrives_us)
    wire, fault = line("reorder", share=0.3, held_ms=250)
    wire.sends(100)
    fault.exposed_us = 1
    assert fault.status() == "inert"


def test_a_narrow_link_makes_messages_wait_for_their_length_and_for_each_other():
    wire, _ = line("bandwidth", kbps=800, request_kB=20, answer_kB=1)
    assert [wire.send(0), wire.send(0), wire.send(0, DOWN), wire.send(1000)] == [210, 410, 20, 1210]


@pytest.mark.parametrize(("way", "open_ways"), [("both", []), ("requests", [DOWN]), ("answers", [UP])])
def test_a_partition_shuts_its_way_and_no_other(way, open_ways):
    wire, fault = line("partition", way=way)
    assert [w for w in (UP, DOWN) if wire.send(5, w) is not None] == open_ways
    assert fault.effect == 2 - len(open_ways) and wire.faults[0].spec.mode == "partition"


def test_what_was_sent_while_the_link_was_down_arrives_when_it_is_back():
    wire, fault = line("reconnect", down_s=1)
    assert wire.sends(13) == [1020] * 10 + [1010, 1110, 1210]
    assert fault.effect == pytest.approx(sum(1010 - 100 * k for k in range(10)) / 13)


def test_of_two_faults_the_earlier_in_the_plan_acts_first():
    first = Line(("partition", {}), ("latency", {"added_ms": 5}))
    second = Line(("latency", {"added_ms": 5}), ("partition", {}))
    for wire in (first, second):
        assert wire.sends(5) == [None] * 5
    assert [f.effect for f in first.faults] == [5, 0] and [f.effect for f in second.faults] == [5, 5]


def test_a_fault_that_leaves_leaves_the_link_as_it_was():
    wire, fault = line("latency", added_ms=50)
    wire.send(0)
    leave(wire.port.groups, fault)
    assert wire.send(0) == 10 and not wire.port.groups


def test_a_delay_beyond_an_hour_is_refused():
    with pytest.raises(ValueError, match="adds 1e\\+08 ms; expected at most an hour"):
        line("latency", added_ms=1e8)
