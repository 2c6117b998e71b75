"""The reset ladder: automatic attempts, the reverse task, an operator from afar, a technician on site; caps and deadlines."""

import pytest

from tests.farm.drawn import SURE, drawn
from tests.farm.drawn import play as draw
from tests.farm.scenes import breaks, cells, opened, play
from twin.core.errors import SpecError

NEVER = {"kind": "automatic", "attempts": 5, "seconds": 10, "success": 0}
AFAR = {"kind": "person", "pool": "ops", "remote": True, "success": 0, "deadline_s": 600}
SITE = {"kind": "person", "pool": "techs", "deadline_s": 600}
PEOPLE = {"ops": {"response_s": 3, "work_s": 20, "walk_s": 1000}, "techs": {"response_s": 60, "work_s": 30}}
BACK = {"task": "place_pick", "results": [{"share": 1, "success": True, "duration_s": 12}]}
UNDO = {"entries": [BACK, *SURE["entries"]]}
REVERSE = {"kind": "reverse", "of": {"pick_place": "place_pick"}}


def told(found, *kinds):
    return [(e.kind, e.payload.get("reset"), e.t_us / 1e6) for e in found.of(*kinds)]


def test_rungs_are_climbed_in_their_order_until_one_works(tmp_path):
    found = draw(tmp_path, outcomes=SURE, people=PEOPLE, resets=[NEVER | {"attempts": 1}, AFAR, SITE], duration_s=240,
                 log={"events": "all"})  # fmt: skip
    assert told(found, "reset.start", "reset.failed", "reset.done")[:6] == [
        ("reset.start", "automatic", 50), ("reset.failed", "automatic", 60), ("reset.start", "operator", 63),
        ("reset.failed", "operator", 83), ("reset.start", "person", 143), ("reset.done", "person", 173),
    ]  # fmt: skip


def test_attempts_stop_at_the_deadline_of_their_rung(tmp_path):
    late = NEVER | {"deadline_s": 15}
    found = draw(tmp_path, outcomes=SURE, people=PEOPLE, resets=[late, SITE], duration_s=100)
    assert [t for _, _, t in told(found, "reset.failed")] == [60, 70] and found.of("reset.stuck")[0].t_us == 70e6


def test_the_reverse_task_puts_the_cell_in_order(tmp_path):
    found = draw(tmp_path, outcomes=UNDO, resets=[REVERSE], duration_s=70, log={"events": "all"})
    assert told(found, "reset") == [("reset.start", "reverse", 50), ("reset.done", "reverse", 62)]
    late = draw(tmp_path, outcomes=UNDO, resets=[REVERSE | {"deadline_s": 5}, SITE], people=PEOPLE, duration_s=70)
    assert [(kind, t) for kind, _, t in told(late, "reset.failed", "reset.stuck")] == [
        ("reset.failed", 55), ("reset.failed", 60), ("reset.stuck", 60)]  # fmt: skip


def test_the_reverse_task_is_done_in_the_world_and_the_next_episode_begins_from_there(tmp_path):
    found = play(tmp_path, resets=[{"kind": "reverse"}, SITE], people=PEOPLE, episode_timeout_s=30, duration_s=200)
    ended = {kind for kind, reset, _ in told(found, "reset") if reset == "reverse"}
    assert "reset.done" in ended and found.of("reset.done")[0].payload["reset"] == "reverse"
    assert len([r for r in found.rows if r["truth"]]) >= 4


def test_a_rung_that_was_used_too_often_gives_way_to_the_next(tmp_path):
    sure = {"kind": "automatic", "attempts": 1, "seconds": 0, "success": 1}
    found = draw(tmp_path, outcomes=SURE, people=PEOPLE, resets=[sure | {"per_hour": 3}, SITE], duration_s=3600)
    kinds = [reset for _, reset, _ in told(found, "reset.done")]
    assert set(kinds) == {"person"} and len(kinds) > 15  # three in all were everyday


def test_at_the_last_rung_a_cell_waits_until_it_may_use_it_again(tmp_path):
    sure = {"kind": "automatic", "attempts": 1, "seconds": 0, "success": 1, "per_hour": 3}
    found = draw(tmp_path, outcomes=SURE, resets=[sure], duration_s=7300, log={"events": "all"})
    assert [t for _, _, t in told(found, "reset.done")] == [50, 100, 150, 3650, 3700, 3750, 7250]


def test_a_breakage_in_the_middle_of_the_ladder_ends_it(tmp_path):
    found = draw(tmp_path, outcomes=UNDO, resets=[REVERSE], faults=[breaks(55)], duration_s=60)
    assert found.farm.cells["a"].state == "broken" and "reset.done" not in found.kinds("reset")


WRONG = {
    "task 'pick_place' has no reverse here": {"resets": [REVERSE | {"of": {"push": "pull"}}]},
    "no outcome entry for 'unpick'": {"resets": [REVERSE | {"of": {"pick_place": "unpick"}}],
                                      "outcomes": {"entries": [SURE["entries"][0] | {"task": "pick_place"}]}},
    "nobody could come": {"resets": [{"kind": "person", "pool": "far"}], "people": {"far": {"site": "moon"}},
                                   "sites": {"earth": {}, "moon": {}}, "cells": cells("a", site="earth")},
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_a_rung_that_nobody_can_perform_is_refused(tmp_path, message):
    with pytest.raises(SpecError, match=message):
        opened(tmp_path, drawn(**{"outcomes": UNDO} | WRONG[message]))


LINE = {"links": {"wifi": {"latency_ms": 1}}, "cells": cells("a", link="wifi"), "people": PEOPLE, "log": {"events": "all"}}
REMOTE = [AFAR | {"success": 1}, SITE]


def dead(at_s, lasts_s):
    return [{"component": "link", "mode": "partition", "target": "a", "onset": {"at_s": at_s}, "duration_s": lasts_s}]


@pytest.mark.parametrize(("begins", "lasts", "answered", "done"), [
    (51, 40, 94, ("operator", 114)),  # on the way it died: the call waits until it is back
    (55, 5, 53, ("operator", 73)),  # back before the work is done
    (55, 200, 53, ("person", 163)),  # it died under the operator's hands: the next rung
    (51, 3000, 710, ("person", 740)),  # never back: at the deadline the next rung
])  # fmt: skip
def test_nobody_tidies_up_from_afar_while_the_line_is_dead(tmp_path, begins, lasts, answered, done):
    found = draw(tmp_path, outcomes=SURE, resets=REMOTE, faults=dead(begins, lasts), duration_s=900, **LINE)
    first = next(e for e in found.of("page.answered"))
    assert first.t_us / 1e6 == answered and told(found, "reset.done")[0][1:] == done


def test_in_a_stepped_world_an_operator_waits_for_the_line_too(tmp_path):
    given = LINE | {"resets": REMOTE, "duration_s": 130, "episode_timeout_s": 5}
    sound, cut = (play(tmp_path, **given, faults=faults) for faults in ([], dead(6, 50)))
    (at, late) = (found.of("page.answered")[0].t_us / 1e6 for found in (sound, cut))
    assert at < 12 and late == pytest.approx(59, abs=0.1)
