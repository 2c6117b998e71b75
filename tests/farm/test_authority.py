"""Leases of those who are no policy: a program that undoes a task, and whoever works in the cell."""

from tests.farm.scenes import SCENE, breaks, fails, play

FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 40}}
UNDO = [{"kind": "reverse", "attempts": 1, "deadline_s": 12}, {"kind": "automatic", "success": 1, "seconds": 1}]


def told(played):
    return [
        (e.kind.removeprefix("authority."), e.payload["holder"]) for e in played.of("authority.taken", "authority.returned")
    ]


def test_the_program_that_undoes_a_task_has_a_lease_until_it_is_over(tmp_path):
    both = [SCENE["fleet"]["cells"][0] | {"tasks": ["pick_place", "clear_tray"]}]
    played = play(tmp_path, robots=FAST, resets=UNDO, cells=both, episode_timeout_s=12, duration_s=50)
    assert told(played)[:2] == [("taken", "reset"), ("returned", "reset")]
    assert "reverse" in {row["reset_kind"] for row in played.rows}


def test_a_technician_has_the_robot_while_it_is_repaired_and_leases_grow(tmp_path):
    played = play(tmp_path, robots=fails(scale=1e6), faults=[breaks(1, "a")])
    assert told(played) == [("taken", "technician"), ("returned", "technician")]
    assert played.of("authority.taken")[0].payload["name"] == "techs/1" and not played.farm.lanes[0].authority.any


def test_who_resets_by_hand_has_the_robot_too(tmp_path):
    ladder = [{"kind": "person", "pool": "ops", "deadline_s": 20}]
    played = play(tmp_path, resets=ladder)
    leases = [e.payload["lease"] for e in played.of("authority.taken")]
    assert set(told(played)) == {("taken", "technician"), ("returned", "technician")} and leases == sorted(set(leases))
