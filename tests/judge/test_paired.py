import json

import numpy as np
import pytest

from tests.judge.synthetic import make_log
from twin.core.chance import Chance
from twin.core.errors import InputError, TableError
from twin.judge.compare import as_text, compare
from twin.judge.equivalence import beta_limits
from twin.judge.paired import interval
from twin.judge.report import beside

PREDICTS, GUESSES = 0.95, 0.0


def draw(stream, n, *, p, told, sim_p=0.7):
    """Real and simulated success of n conditions; a share `told` of them the simulation gets right by more than luck."""
    real = stream.random(n) < p
    sim = np.where(stream.random(n) < told, real, stream.random(n) < sim_p)
    return real.astype(float), sim.astype(float)


def some(name, *, n=40, more=400, p=0.8, told=PREDICTS):
    stream = Chance(6).stream(name, "pairs")
    real, sim = draw(stream, n, p=p, told=told)
    return interval(real=real, sim=sim, rest=draw(stream, more, p=p, told=told)[1])


@pytest.mark.parametrize("n", [10, 40])
@pytest.mark.parametrize("p", [0.5, 0.9])
@pytest.mark.parametrize("told", [PREDICTS, 0.6, GUESSES])
def test_the_interval_holds_the_truth_as_often_as_it_says(n, p, told):
    found = [some(f"{n} {p} {told} {i}", n=n, p=p, told=told) for i in range(300)]
    assert np.mean([f.low <= p <= f.high for f in found]) >= 0.93


def test_a_simulation_that_predicts_reality_narrows_the_interval():
    widths = [some(f"good {i}").width for i in range(50)]
    assert np.mean(widths) < 0.75 and max(widths) < 1


def test_a_simulation_that_guesses_widens_nothing():
    found = [some(f"bad {i}", told=GUESSES) for i in range(200)]
    assert max(f.width for f in found) < 1.03 and np.mean([f.weight for f in found]) < 0.15


def test_pairs_that_never_disagree_leave_doubt():
    told = interval(real=np.ones(20), sim=np.ones(20), rest=np.ones(10_000))
    assert told.value == told.high == 1 and told.low < 0.9


def test_a_bias_of_the_simulation_is_taken_out():
    real = np.tile([1.0, 0.0], 50)
    told = interval(real=real, sim=np.maximum(real, np.tile([0, 0, 0, 1], 25)), rest=np.tile([1.0, 1, 0, 1], 250))
    assert told.value == pytest.approx(0.5) and told.weight > 0.4


def test_conditions_that_hang_together_in_time_widen_it():
    real, rest = np.repeat([1.0, 0.0, 1.0, 0.0], 25), np.tile([1.0, 0.0], 50)
    bursts, even = (interval(real=r, sim=r, rest=rest) for r in (real, rest))
    assert bursts.high - bursts.low > 1.5 * (even.high - even.low) and bursts.value == even.value


def test_without_weight_it_is_at_least_as_wide_as_the_exact_interval():
    real = np.repeat([1.0, 0.0], [15, 5])
    told = interval(real=real, sim=np.ones(20), rest=np.ones(5))
    low, high = beta_limits(15, 20, 0.025)
    assert told.unpaired_low <= low and told.unpaired_high >= high


@pytest.mark.parametrize("side", ["real", "sim", "rest"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 80.0, -0.1])
def test_what_is_no_share_is_refused_by_side_and_condition(side, bad):
    sides = dict.fromkeys(("real", "sim", "rest"), np.ones(12)) | {side: np.append(np.ones(11), bad)}
    with pytest.raises(InputError, match=f"{side}, condition 11: {bad:g} where a share"):
        interval(**sides)


@pytest.mark.parametrize(("n", "rest"), [(9, 5), (12, 0)])
def test_too_few_conditions_are_refused(n, rest):
    with pytest.raises(InputError, match="10 pairs and one more are the least"):
        interval(real=np.ones(n), sim=np.ones(n), rest=np.ones(rest))


def table(labels, source, **more):
    """One episode a scene, in scenes counted from 0."""
    said = {"robot_model": "ur3", "policy": "p1", "source": source, "duration_s": 5.0} | more
    told = [said | {"label": bool(label), "scene": f"s{i}", "start_s": float(i)} for i, label in enumerate(labels)]
    return make_log((), told).episodes


STREAM = Chance(7).stream("tables", "test")
TRUE, PREDICTED = draw(STREAM, 240, p=0.8, told=PREDICTS)
SIM, REAL = table(PREDICTED, "sim"), table(TRUE[:40], "real")


def paired(sim=SIM, real=REAL):
    return compare(sim, real).as_dict()["groups"][0]


def test_a_comparison_pairs_by_scene():
    told = paired()["paired"]
    same = interval(real=TRUE[:40], sim=PREDICTED[:40], rest=PREDICTED[40:])
    assert told == same.as_dict() == json.loads(json.dumps(told, allow_nan=False))
    assert (told["n"], told["rest"]) == (40, 200) and told["width"] < 0.9 and paired()["not_paired"] is None
    assert "40 conditions paired, 200 more simulated" in as_text(compare(SIM, REAL))


def test_the_page_tells_what_the_pairs_say():
    (group,) = compare(SIM, REAL).groups
    assert any(said.startswith("Real success with pairs") for said in beside._group(group, ("Sim", "Real"))["said"])


def test_several_episodes_of_one_condition_count_once():
    assert paired(real=REAL.loc[REAL.index.repeat(3)])["paired"] == paired()["paired"]


def test_only_the_same_policy_is_a_pair_unless_a_side_names_none():
    other = table(1 - TRUE[:40], "real", policy="p1").assign(policy=None)
    mixed = SIM.assign(policy=["p1" if i < 120 else "p2" for i in range(240)])
    assert paired(sim=mixed)["paired"]["rest"] == 80 and paired(real=other)["paired"]["n"] == 40


@pytest.mark.parametrize(
    ("sim", "real", "why"),
    [
        (SIM.assign(scene=None), REAL, "sim names no scene"),
        (SIM.drop(columns="scene"), REAL.drop(columns="scene"), "sim and real name no scene"),
        (SIM, REAL.assign(label=None), "real labels no episode of a known scene"),
        (SIM, REAL.assign(scene="lab"), "0 conditions on both sides, 10 needed"),
        (SIM.iloc[:40], REAL, "every simulated condition was run for real too"),
    ],
)  # fmt: skip
def test_what_cannot_be_paired_says_why(sim, real, why):
    told = paired(sim, real)
    assert told["paired"] is None and why in told["not_paired"] and why in as_text(compare(sim, real))


def test_a_label_that_is_nan_is_refused_by_row():
    labels = [*map(bool, TRUE[:39]), float("nan")]
    with pytest.raises(TableError, match="'label', row 39: nan"):
        compare(SIM, REAL.astype({"label": object}).assign(label=labels))
