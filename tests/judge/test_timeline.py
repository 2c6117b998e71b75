import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.synthetic import farm
from twin.judge.accounting import LOOKS, Accounts, Span, account
from twin.judge.report import svg
from twin.judge.report.timeline import BUDGET, _binned, timeline
from twin.judge.strips import Strips

BOOKS = account(farm())
MODELS = dict.fromkeys(BOOKS.cells, "ur3")


def test_every_cell_is_a_lane_with_its_name_and_its_share():
    drawn = timeline(BOOKS, MODELS)
    assert drawn.count("<g><title>") == 12
    assert all(f">{name}</text>" in drawn for name in BOOKS.cells)


def test_every_state_that_filled_time_is_drawn_in_its_own_look():
    drawn = timeline(BOOKS, MODELS)
    assert {"p-ok", "p-fail", "p-open", "p-reset", "p-waiting", "p-attended", "p-broken", "p-resting"} <= set(
        re.findall(r"p-\w+", drawn)
    )


def strips(*spans, end=10_000, limit=None):
    out = Strips(["c"], end)
    out.limit = out.limit if limit is None else limit
    for span in spans:
        out.add("c", *span)
    return out


cuts = st.lists(st.integers(1, 9_999), min_size=1, max_size=60, unique=True)


@given(cuts, st.integers(1, 200), st.randoms())
def test_columns_tile_a_lane_and_join_what_is_alike(moments, columns, random):
    edges = [0, *sorted(moments), 10_000]
    states = [k for k in LOOKS if k not in ("ok", "fail", "open")]
    drawn = _binned(strips(*((random.choice(states), a, b) for a, b in pairwise(edges))), "c", columns)
    assert drawn[0][1] == 0 and drawn[-1][2] == 10_000
    assert all(a[2] == b[1] and a[0] != b[0] for a, b in pairwise(drawn))


def test_a_column_shows_what_fills_most_of_it():
    told = strips(("reset", 0, 60), ("broken", 60, 100), ("idle", 100, 200), end=200)
    assert _binned(told, "c", 2) == [("reset", 0, 100), ("idle", 100, 200)]


@given(cuts, st.randoms())
def test_strips_that_were_folded_into_columns_hold_the_same_time(moments, random):
    edges = [0, *sorted(moments), 10_000]
    spans = [(random.choice(["ok", "reset", "idle"]), a, b) for a, b in pairwise(edges)]
    exact, folded = strips(*spans), strips(*spans, limit=0)
    assert exact.whole and not folded.whole and not folded.exact["c"]
    one, other = (s.shares("c", list(LOOKS), 100) for s in (exact, folded))
    assert one == pytest.approx(other, abs=1e-3) and one.sum() == pytest.approx(10_000)


def test_five_hundred_cells_and_a_hundred_thousand_episodes_stay_small():
    names = tuple(f"c{i}" for i in range(500))
    spans = [Span(c, i * 10, i * 10 + 10, "episode", i, bool(i % 2)) for c in names for i in range(200)]
    drawn = timeline(Accounts(names, 2000, spans), {})
    assert len(spans) > BUDGET and len(drawn) < 1_000_000


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 600), (0.2, 0.3), (5, 5), (0, 123456)])
def test_ticks_are_few_round_and_inside(low, high):
    found = svg.ticks(low, high)
    assert 1 <= len(found) <= 9 and all(low - 1e-9 <= t <= high + 1e-9 for t in found)


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 50)), max_size=30))
def test_a_path_of_bars_draws_each_bar_where_it_is(runs):
    at, bars, want = 0.0, [], []
    for gap, width in runs:
        at += gap
        bars.append((at, at + width))
        want.append((round(at, 1), round(at + width - at, 1)))  # as wide as floats at that place leave it
        at += width
    x, found = 0.0, []
    for move, gap, width in re.findall(r"([Mm])([\d.-]+) [\d.]+h([\d.]+)", svg.bars(bars, 5)):
        x = float(gap) if move == "M" else x + float(gap)
        found.append((x, float(width)))
        x += float(width)
    want = [w for w in want if w[1] > 0]
    assert len(found) == len(want)
    assert all(abs(f[0] - w[0]) < 0.16 and abs(f[1] - w[1]) < 1e-6 for f, w in zip(found, want, strict=True))
