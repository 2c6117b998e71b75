import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.errors import TableError
from twin.judge import agreement
from twin.judge.agreement import mmrv, pearson, read_pairs, spearman, table

rates = st.lists(st.tuples(*[st.integers(0, 20).map(lambda k: k / 20)] * 2), min_size=1, max_size=12)


def pairs(real, sim, task="pick", **more):
    return pd.DataFrame({"task": task, "policy": [f"p{i}" for i in range(len(real))], "real": real, "sim": sim} | more)


def written(tmp_path, text):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    return path


LADDER = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95]


def test_mmrv_is_the_mean_of_the_worst_gap_in_reality_that_simulation_orders_wrongly():
    assert mmrv(real=[0.2, 0.5, 0.9], sim=[0.3, 0.1, 0.8]) == pytest.approx((0.3 + 0.3 + 0) / 3)


def test_real_and_sim_cannot_be_swapped_unnoticed():
    assert mmrv(real=[0.1, 0.9], sim=[0.5, 0.4]) == 0.8 and mmrv(real=[0.5, 0.4], sim=[0.1, 0.9]) == pytest.approx(0.1)
    with pytest.raises(TypeError):
        mmrv([0.1, 0.9], [0.5, 0.4])


@given(rates)
def test_mmrv_does_not_care_which_way_the_axis_points_nor_how_rows_are_ordered(some):
    real, sim = np.array(some).T
    told = mmrv(real=real, sim=sim)
    assert told == pytest.approx(mmrv(real=1 - real, sim=1 - sim)) == pytest.approx(mmrv(real=real[::-1], sim=sim[::-1]))
    assert 0 <= told <= np.ptp(real) + 1e-12


@given(rates)
def test_whatever_keeps_the_order_in_simulation_keeps_mmrv_and_spearman(some):
    real, sim = np.array(some).T
    assert mmrv(real=real, sim=sim**3 / 2) == mmrv(real=real, sim=sim)
    assert mmrv(real=real, sim=real) == 0
    assert spearman(real=real, sim=sim**3 / 2) == spearman(real=real, sim=sim)


def test_a_tie_in_simulation_where_reality_differs_is_a_violation():
    assert mmrv(real=[1.0, 0.4], sim=[1.0, 1.0]) == pytest.approx(0.6)
    assert pearson(real=[1.0, 0.4], sim=[1.0, 1.0]) is None


def test_a_simulation_that_predicts_agrees():
    told = table(pairs(LADDER, LADDER))["pick"]
    assert told["verdict"] == "agrees" and told["n"] == 7
    assert told["mmrv"] == {"value": 0, "low": 0, "high": 0} and told["pearson"]["low"] > 0.99


def test_a_simulation_that_ranks_backwards_differs():
    told = table(pairs(LADDER, LADDER[::-1], n=100))["pick"]
    assert told["verdict"] == "differs" and told["mmrv"]["low"] > 0.10


def test_the_verdict_follows_from_the_bounds():
    told = table(pairs([0.1, 0.2, 0.4, 0.5, 0.7, 0.9], [0.15, 0.1, 0.45, 0.3, 0.75, 0.8]))["pick"]
    assert told["verdict"] == "cannot_tell" and told["mmrv"]["low"] <= 0.10
    assert told["mmrv"]["high"] >= 0.10 or told["pearson"]["low"] <= 0.8


def test_three_policies_in_the_same_order_prove_nothing():
    told = table(pairs([0.1, 0.5, 0.9], [0.1, 0.5, 0.9], n=1000))["pick"]
    assert told["verdict"] == "cannot_tell" and told["pearson"] == {"value": 1, "low": None, "high": None}


def test_few_episodes_a_policy_make_a_perfect_order_uncertain():
    few, many = (table(pairs(LADDER, LADDER, n=n))["pick"] for n in (10, 2000))
    assert (few["verdict"], many["verdict"]) == ("cannot_tell", "agrees")
    assert few["mmrv"]["high"] > 0.10 > many["mmrv"]["high"]


def test_noise_alone_does_not_condemn_a_simulation():
    """Twelve equally good policies, ten episodes each: all ranks are noise, and so is a large MMRV."""
    real = [0.3, 0.4, 0.4, 0.5, 0.5, 0.5, 0.6, 0.6, 0.7, 0.4, 0.6, 0.5]
    sim = [0.55, 0.45, 0.53, 0.49, 0.52, 0.47, 0.46, 0.51, 0.44, 0.54, 0.48, 0.5]
    told = table(pairs(real, sim, n=10))["pick"]
    assert told["mmrv"]["value"] > 0.15 and told["mmrv"]["low"] == 0


def test_figures_are_the_same_each_time_in_any_order_under_any_name():
    frame = pairs(LADDER, [0.2, 0.1, 0.5, 0.4, 0.8, 0.6, 0.9], n=20)
    again = frame.sample(frac=1, random_state=1).assign(task="other")
    assert table(frame)["pick"] == table(frame)["pick"] == table(again)["other"]


def test_several_tasks_are_pooled_as_well_and_one_is_not():
    both = pd.concat([pairs(LADDER, LADDER), pairs(LADDER, LADDER[::-1], task="place")])
    told = table(both)
    assert list(told) == ["pick", "place", "pooled"] and told["pooled"]["n"] == 14
    assert list(table(pairs(LADDER, LADDER))) == ["pick"]
    with pytest.raises(TableError, match="called 'pooled'"):
        table(both.replace("place", "pooled"))


def test_what_is_told_can_be_written_as_json_and_as_text():
    told = table(pairs([1.0, 0.5, 0.3, 0.2], [1.0] * 4))
    assert json.loads(json.dumps(told, allow_nan=False))["pick"]["pearson"]["value"] is None
    assert "cannot_tell" in agreement.as_text(told) and "—" in agreement.as_text(told)


def test_percentages_are_read_as_such_where_all_are(tmp_path):
    path = written(tmp_path, "task,policy,real,sim\na,x,90,85\na,y,0,12.5\n")
    assert read_pairs(path)["real"].tolist() == [0.9, 0] and read_pairs(path)["sim"].tolist() == [0.85, 0.125]


HEAD = "task,policy,real,sim,n\na,x,0.9,0.8,10\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task,policy,real\na,x,1\n", r"no column 'sim' \(nor 'sim_success'\) \(columns: policy, real, task\)"),
        (HEAD + "a,y,,0.5,10\n", r"row 1 \(line 3\), task 'a', policy 'y', column 'real': nothing there"),
        (HEAD + "a,y,0.5,nan,10\n", r"row 1 \(line 3\).*column 'sim': nan is no success rate"),
        (HEAD + "a,y,0.5,inf,10\n", r"row 1 \(line 3\).*column 'sim': inf"),
        (HEAD + "a,y,87,0.5,10\n", r"row 1 \(line 3\).*column 'real': 87 among fractions such as 0.9.*mixed units"),
        ("task,policy,real,sim\na,x,0.9,80\na,y,0.7,75\n", r"mixed units"),
        ("task,policy,real,sim\na,x,90,80\na,y,75,0.7\n", r"row 1 \(line 3\).*column 'sim': 0.7 among percentages"),
        (HEAD + 'a,y,"0,5",0.5,10\n', "decimals take a point"),
        (HEAD + "a,y,50%,0.5,10\n", "write 0.85, not 85%"),
        (HEAD + "a,y,0.5,-0.1,10\n", "-0.1 is no success rate"),
        (HEAD + "a,y,0.5,0.1,2.5\n", r"column 'n': 2.5 is no number of episodes"),
        (HEAD + "a,y,0.5,0.1,1e30\n", r"column 'n': 1e\+30 is no number of episodes"),
        (HEAD + "a,y,0.5\n", r"row 1 \(line 3\): 5 cells are expected"),
        (HEAD + ",y,0.5,0.5,10\n", r"row 1 \(line 3\), column 'task': empty"),
        ("task,policy,real,sim\n", "no rows"),
        ("task,policy,real,sim\na,x,0.5,\na,y,0.4,\n", "no task has figures in both"),
        ("", "no column 'task'"),
    ],
)
def test_a_table_that_cannot_be_trusted_is_refused_by_row(tmp_path, text, says):
    with pytest.raises(TableError, match=says):
        read_pairs(written(tmp_path, text))


def test_a_missing_file_and_one_that_is_no_table_are_refused(tmp_path):
    with pytest.raises(TableError, match="No such file"):
        read_pairs(tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(TableError, match="cannot be read"):
        read_pairs(tmp_path / "bad.parquet")


def test_a_task_never_measured_in_simulation_is_left_out_and_named(tmp_path):
    told = read_pairs(written(tmp_path, HEAD + "b,x,0.5,,10\nb,y,0.7,,10\n"))
    assert told["task"].tolist() == ["a"] and told.attrs["notes"] == ["left out, never measured in simulation: b"]


def test_other_names_of_columns_are_understood_or_declared(tmp_path):
    path = written(tmp_path, "condition,controller,real,sim_success,real_n,mine\nc,x,0.5,0.4,10,0.3\n")
    assert read_pairs(path).iloc[0].tolist() == ["c", "x", 0.5, 0.4, 10]
    assert read_pairs(path, {"sim": "mine"})["sim"].tolist() == [0.3]
    with pytest.raises(TableError, match="did you mean 'mine'"):
        read_pairs(path, {"sim": "mien"})


def test_parquet_tells_the_same_as_csv(tmp_path):
    frame = pairs(LADDER, LADDER[::-1], n=[10, None, 10, 10, 10, 10, 10])
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert table(read_pairs(tmp_path / "t.parquet")) == table(read_pairs(tmp_path / "t.csv")) == table(frame)


@pytest.mark.real
def test_the_published_tables_give_the_published_figures(real_data):
    told = table(read_pairs(real_data / "published" / "simpler_real_vs_sim.csv"))
    shown = {k: (round(v["pearson"]["value"], 3), round(v["mmrv"]["value"], 3)) for k, v in told.items()}
    google = {k.removeprefix("google_robot_"): v for k, v in shown.items()}
    assert google["pick_coke_can"] == (0.975, 0.031) and google["move_near"] == (0.856, 0.111)
    assert google["open_drawer"] == (0.983, 0) and google["close_drawer"] == (0.771, 0.123)
    assert told["pooled"]["n"] == 42 and shown["pooled"][0] == 0.907


@pytest.mark.real
@pytest.mark.parametrize("columns", [["n"], []])
def test_a_simulation_that_does_not_predict_reality_is_told_so(real_data, columns):
    frame = read_pairs(real_data / "published" / "realaigym_real_vs_sim.csv")
    told = table(frame[["task", "policy", "real", "sim", *columns]])["perturbation"]
    assert (told["n"], round(told["pearson"]["value"], 2), round(told["mmrv"]["value"], 2)) == (9, 0.05, 0.57)
    assert told["verdict"] == "differs"
