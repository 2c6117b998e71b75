import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.synthetic import event, farm, make_log
from twin.core.records import EVENT_KINDS
from twin.judge.accounting import LOWERS, RAISES, STATES, account

CELLS = ("c1", "c2", "c3")
lines = st.lists(
    st.tuples(
        st.integers(0, 120_000_000), st.sampled_from(sorted(EVENT_KINDS)), st.sampled_from([*CELLS, None]), st.integers(1, 9)
    ),
    max_size=40,
)


def books(*moments, **more):
    return account(make_log([event(t, kind, "c1", **payload) for t, kind, payload in moments], **more))


def seconds(told):
    return {state: us / 1e6 for state, us in told.by_state().items() if us}


@given(lines)
def test_the_states_of_a_farm_add_up_to_cells_times_duration_exactly(moments):
    events = [
        event(t / 1e6, kind, cell, episode=n, reason="resting", label=True) for t, kind, cell, n in sorted(moments, key=str)
    ]
    told = account(make_log(events, cells=CELLS, sim_s=100.0))
    assert sum(told.by_state().values()) == told.total_us == 300_000_000
    assert told.total_us - told.by_state()["episode"] <= sum(told.lost_us().values()) <= told.total_us


@given(lines)
def test_the_spans_of_each_cell_tile_the_run(moments):
    events = sorted((event(t / 1e6, kind, cell, episode=n) for t, kind, cell, n in moments), key=lambda e: e["t_s"])
    told = account(make_log(events, cells=CELLS, sim_s=100.0))
    for cell in CELLS:
        spans = told.strips.exact[cell]
        assert [start for _, start, _ in spans] == [0, *(end for *_, end in spans[:-1])] and spans[-1][2] == told.duration_us


def test_every_kind_that_moves_a_cell_exists():
    assert {*RAISES, *LOWERS} <= set(EVENT_KINDS)
    assert {*RAISES.values(), *(f for flags in LOWERS.values() for f in flags)} <= set(STATES)


def test_a_cell_goes_through_an_episode_a_reset_a_wait_and_a_person():
    told = books(
        (10, "episode.start", {"episode": 1}), (30, "episode.end", {"episode": 1}), (30, "reset.start", {}),
        (40, "reset.failed", {}), (40, "reset.stuck", {}), (40, "page.sent", {}), (60, "page.answered", {}),
        (60, "person.busy", {}), (60, "reset.start", {}), (75, "person.free", {}), (75, "reset.done", {}),
        (75, "authority.offered", {}),
    )  # fmt: skip
    assert seconds(told) == {"episode": 20, "reset": 10, "waiting": 20, "attended": 15, "idle": 35}
    assert told.person_us == 15_000_000


def test_a_broken_robot_is_broken_until_it_is_repaired_whoever_stands_beside_it():
    told = books((10, "repair.start", {}), (20, "page.sent", {}), (50, "person.busy", {}), (80, "person.free", {}),
                 (80, "repair.done", {}), (80, "authority.offered", {}))  # fmt: skip
    assert seconds(told) == {"broken": 70, "idle": 30}


def test_a_person_who_is_still_at_work_at_the_end_counts_until_then():
    assert books((90, "person.busy", {})).person_us == 10_000_000


def test_a_rest_ends_when_the_cell_is_offered_again():
    told = books((10, "authority.withdrawn", {"reason": "maintenance"}), (60, "authority.offered", {}))
    assert seconds(told) == {"resting": 50, "idle": 50}


def test_a_cell_that_was_given_up_is_out_of_service_to_the_end():
    told = books((10, "repair.start", {}), (40, "reset.abandoned", {}))
    assert seconds(told) == {"broken": 30, "out_of_service": 60, "idle": 10}


def test_a_protective_stop_inside_an_episode_is_in_the_episode_and_lost():
    told = books((0, "episode.start", {"episode": 1}), (10, "stop.protective", {}), (15, "stop.cleared", {}),
                 (20, "episode.end", {"episode": 1, "label": True}), (20, "authority.offered", {}))  # fmt: skip
    assert told.by_state()["episode"] == 20_000_000
    assert told.lost_us() == {"idle": 80_000_000, "stopped": 5_000_000}


def test_a_rejected_episode_is_lost_with_its_reason():
    told = books((0, "episode.start", {"episode": 1}), (20, "episode.end", {"episode": 1}),
                 (20, "data.rejected", {"episode": 1, "reason": "crash"}))  # fmt: skip
    assert told.lost_us() == {"idle": 80_000_000, "rejected: crash": 20_000_000}


@pytest.mark.parametrize("cells", [1, 5])
def test_the_books_of_a_whole_farm_balance_and_show_every_state(cells):
    told = account(farm(cells=cells, sim_s=1200.0))
    assert sum(told.by_state().values()) == cells * 1_200_000_000
    assert cells == 1 or not {"episode", "reset", "waiting", "attended", "broken", "idle"} - set(seconds(told))


def test_the_part_of_an_episode_that_an_operator_drives_has_a_look_of_its_own():
    told = books(
        (10, "episode.start", {"episode": 1}), (20, "authority.taken", {"holder": "operator"}),
        (25, "stop.protective", {}), (27, "stop.cleared", {}), (30, "authority.returned", {"holder": "operator"}),
        (50, "episode.end", {"episode": 1, "label": True}),
    )  # fmt: skip
    looks = {look: us / 1e6 for look, us in told.by_look()["c1"].items() if us}
    assert looks == {"idle": 60, "ok": 30, "driven": 8, "stopped": 2}
    assert told.by_state()["episode"] == 40e6


def test_who_tidies_up_between_two_episodes_is_somebody_at_work():
    told = books((10, "person.busy", {}), (20, "authority.taken", {"holder": "operator"}), (30, "person.free", {}))
    assert told.by_look()["c1"]["driven"] == 0 and seconds(told)["attended"] == 20
