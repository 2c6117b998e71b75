"""A share that changes is forecast as one that changes, a steady one as steady, and durations follow."""

import numpy as np
import pytest
from scipy import special

from twin.calibrate.stats import level
from twin.calibrate.stats.forecast import density, raked, resampling, rolling
from twin.calibrate.stats.level import follow, hypotheses
from twin.core.chance import Chance


def stream(name="x", number=0):
    return Chance(11).stream("test", name, number)


def coin(p, name):
    return (stream(name).random(np.size(p)) < p).astype(float)


def test_a_steady_share_is_taken_for_one():
    level = follow(coin(np.full(300, 0.2), "steady"))
    assert level.changes < 0.3 and level.quantile(0.05) < 0.2 < level.quantile(0.95)


def test_a_jump_is_noticed_and_the_next_cycles_are_like_the_last():
    level = follow(coin(np.where(np.arange(240) < 150, 0.1, 0.6), "jump"))
    assert level.changes > 0.95 and level.ahead(40).mean() == pytest.approx(0.6, abs=0.15)


def test_counts_add_up_to_the_same_expectation_as_cycles():
    level = follow(coin(np.full(60, 0.3), "sum"))
    counts = level.count_ahead(25)
    assert counts.sum() == pytest.approx(1) and counts @ np.arange(26) == pytest.approx(level.ahead(25).sum(), rel=1e-6)


def test_cycles_that_nobody_saw_change_nothing_but_the_certainty():
    had = coin(np.full(100, 0.3), "nan")
    torn = np.where(np.arange(100) % 2 == 0, had, np.nan)
    wide = follow(torn).quantile(0.95) - follow(torn).quantile(0.05)
    assert follow(had).quantile(0.95) - follow(had).quantile(0.05) < wide


def test_many_cycles_are_pooled_and_say_the_same():
    level = follow(coin(np.full(30_000, 0.25), "many"))
    assert level.quantile(0.5) == pytest.approx(0.25, abs=0.02) and level.path.shape == (300, 3)


def test_raking_gives_every_flag_its_share():
    flags = [coin(np.full(200, 0.3), "a"), coin(np.full(200, 0.5), "b")]
    weights = raked(flags, [0.6, 0.2])
    assert [np.average(f, weights=weights) for f in flags] == pytest.approx([0.6, 0.2], abs=1e-6)


def test_a_density_adds_up_to_one():
    made = density(np.exp(0.3 * stream("d").standard_normal(200)))
    x = np.geomspace(1e-3, 1e3, 20_000)
    assert np.trapezoid(np.exp(made.log_score(x)), x) == pytest.approx(1, abs=0.01)


def test_the_bootstrap_keeps_runs_of_the_history():
    again = resampling(1000, 50, 200, stream("boot"))
    assert np.mean(np.diff(again, axis=1) % 1000 == 1) == pytest.approx(0.9, abs=0.02)


@pytest.fixture(scope="module")
def scored():
    p = special.expit(-2 + np.cumsum(np.full(240, 0.012)))
    had = coin(p, "rolling")
    return rolling({"stop": had}, 23 + 15 * had + 0.5 * stream("noise").random(240), stream("boot"))


def test_a_rising_share_is_forecast_better_than_by_resampling(scored):
    assert scored["stop"].ours > scored["stop"].reference and scored["stop"].n == 200


def test_durations_follow_the_share_that_makes_them_long(scored):
    told = scored["duration_s"]
    assert told.ours > told.reference and 0.82 <= told.inside <= 0.98


def test_a_log_too_short_for_one_forecast_is_not_scored():
    assert rolling({"stop": np.zeros(50)}, np.ones(50), stream()) == {}


def walk(sd, n, number):
    stream = Chance(number).stream("walk", f"{sd:g}", n)
    return (stream.random(n) < special.expit(-1 + np.cumsum(sd * stream.standard_normal(n)))).astype(float)


def windows_inside(sd):
    """Of 20 logs of 80 cycles, whose share wanders so much a cycle, after how many the next 40 are as they were foretold."""
    inside = 0
    for number in range(20):
        had = walk(sd, 120, number)
        total = np.cumsum(follow(had[:80]).count_ahead(40))
        low, high = np.searchsorted(total, (0.05, 0.95))
        inside += bool(low <= had[80:].sum() <= high)
    return inside


@pytest.mark.parametrize("sd", [0.0, 0.1])
def test_nine_of_ten_windows_lie_inside_where_a_share_wanders_too(sd):
    assert windows_inside(sd) >= 15  # at nine of ten, one time in a hundred there are fewer


def test_without_hypotheses_of_change_they_do_not(monkeypatch):
    still = tuple(one for one in hypotheses() if one[1].kind == "steady")
    monkeypatch.setattr(level, "hypotheses", lambda: still)
    assert windows_inside(0.1) < 15


def test_a_spell_that_passes_is_not_taken_for_the_level():
    s, bad, had = stream("spells"), False, []
    for _ in range(300):
        bad = bad if s.random() < 0.9 else not bad
        had.append(s.random() < (0.6 if bad else 0.05))
    level = follow(np.array([*had, *[False] * 12], float))
    assert level.kinds["clusters"] > 0.9
    assert level.path[-1, 1] < 0.15 < level.quantile(0.05) < np.mean(had) < level.quantile(0.95) < 0.5


@pytest.mark.parametrize("cycles", [1, 40])
def test_a_share_that_wanders_stays_on_average(cycles):
    (walk,) = [h for _, h in hypotheses() if h.kind == "walk" and 0.04 < h.step[0] < 0.06]
    shares = special.expit(walk.moves)
    for start in (0.05, 0.3, 0.5, 0.9):
        at = np.abs(shares - start).argmin()
        assert np.linalg.matrix_power(walk.move(1), cycles)[at] @ shares == pytest.approx(shares[at], abs=0.002)


def wandering(had):
    """Of 400 courses how much each wanders for good, in order; those in spells do not."""
    _, sds, back = follow(had).draws(400)
    return np.sort(np.where(np.isinf(back), sds, 0.0))


def test_how_much_a_share_wanders_is_learned_and_a_short_log_leaves_room_for_more():
    steady, short, wild = (wandering(had) for had in (walk(0, 1500, 1), walk(0, 60, 1), walk(0.25, 1500, 3)))
    assert steady[200] == 0 and steady[380] < 0.03 < short[380] and 0.1 < wild[200] < 0.45


def test_courses_hold_what_is_known_of_the_level_and_of_how_it_goes_on_together():
    level = follow(walk(0, 100, 2))
    shares, sds, back = level.draws(400)
    assert np.quantile(shares, (0.05, 0.95)) == pytest.approx([level.quantile(0.05), level.quantile(0.95)], abs=0.02)
    assert np.std(shares[sds == 0]) < np.std(shares[(sds > 0.09) & np.isinf(back)])  # who wanders is less sure where it is
    spells, steady = np.mean(np.isfinite(back)), np.mean(sds == 0)
    assert spells / steady == pytest.approx(level.kinds["clusters"] / level.kinds["steady"], rel=0.05)
    assert 1 - spells - steady > level.may_change  # room is left for what the log does not rule out


def test_a_change_must_show_itself_before_a_steady_share_is_refused():
    now = follow(walk(0, 60, 1))
    assert now.changes < 0.3 and now.changes < now.may_change < 0.5
