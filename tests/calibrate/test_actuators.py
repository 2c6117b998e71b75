"""Position servos: a servo that is known comes back, MuJoCo agrees with what was fitted, and the real one is foretold."""

import numpy as np
import pytest

from twin.calibrate.actuators import physics
from twin.calibrate.actuators.parameters import NAMES, PARAMETERS
from twin.calibrate.actuators.runs import Runs, gather
from twin.calibrate.actuators.search import fit
from twin.calibrate.actuators.servo import simulate
from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.spec import load_plan
from twin.calibrate.split import split
from twin.calibrate.suspicion import sign_flip, suspect
from twin.calibrate.whole import calibrate
from twin.core.errors import TableError

N, STEP, G = 300, 0.01, 9.81
TRUTH = {
    "stiffness": 0.05, "torque_per_volt": 0.4, "back_emf": 0.1, "viscous": 0.02, "armature": 0.01, "coulomb": 0.1,
    "load_friction": 0.1, "stribeck": 0.0, "stribeck_speed": 0.5, "delay": 0.025, "gravity_scale": 1.0, "zero": 0.0,
}  # fmt: skip


def table(**other):
    return np.array([(TRUTH | other)[name] for name in NAMES])


def runs(gains=(10, 20, 40), mass=2.0, length=0.25):
    """Runs of a bigger servo than the real one, each its own trajectory."""
    t, count = np.arange(N) * STEP, len(gains)
    rate = 1.5 + np.arange(count)[:, None]
    command = 0.9 * np.sin(rate * t) + 0.4 * np.sign(np.sin(2.3 * rate * t))
    powered = np.ones((count, N), bool)
    powered[:, 220:] = False
    grids = {"volts": np.full((count, N), 12.0), "enabled": powered, "there": np.ones((count, N), bool)}
    numbers = {"gain": np.array(gains, float), "mass": np.full(count, mass), "length": np.full(count, length)}
    still = {"position": np.zeros((count, N)), "speed": np.zeros(count)}
    made = Runs(tuple("abcdef"[:count]), STEP, command=command, **grids, **numbers, **still)
    made.position[:] = simulate(table(), made, G)[0]
    return made


def test_a_servo_of_another_size_comes_back_from_its_runs():
    found = fit(runs(), "load", G, 0.06, {}, rounds=120)
    got = dict(zip(NAMES, found.table, strict=True))
    assert all(got[name] == pytest.approx(value, rel=0.03) for name, value in TRUTH.items() if value)


def test_what_is_known_is_kept():
    found = fit(runs(), "coulomb", G, 0.06, {"armature": 0.01, "delay": 0.025}, start=table(), rounds=2)
    assert [NAMES[i] for i in found.free] == [n for n in NAMES if n in TRUTH and n not in
            ("armature", "delay", "load_friction", "stribeck", "stribeck_speed", "gravity_scale")]  # fmt: skip
    assert found.table[NAMES.index("armature")] == pytest.approx(0.01)


def test_mujoco_moves_as_what_was_fitted():
    some = runs()
    assert np.abs(physics.simulate(table(), some, G) - some.position).mean() < 0.01


def test_without_power_the_servo_falls_and_comes_to_rest():
    some = runs()
    some.enabled[:] = False
    some.position[:, 0] = 1.2
    fell = simulate(table(coulomb=1.0), some, G)[0]
    assert (fell[:, 60] < 1.0).all() and np.ptp(fell[:, -20:], axis=1) == pytest.approx(0, abs=1e-3)


def test_friction_holds_what_is_below_it():
    some = runs()
    some.enabled[:] = False
    some.position[:, 0] = 0.01
    assert simulate(table(coulomb=0.2), some, G)[0] == pytest.approx(0.01)


def test_every_parameter_starts_inside_its_bounds():
    assert all(p.low <= p.start <= p.high and (p.low > 0 or not p.log) for p in PARAMETERS)


def log(**signals):
    n = len(next(iter(signals.values())))
    return Log("arm", "0" * 64, np.arange(n) * 0.01, signals, {"run": np.full(n, "a")}, np.zeros(n, np.int64))


T = np.arange(400) * 0.01


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (90 * np.sin(T), "angle", "is it in degrees"),
        (900 * np.sin(T), "current", "is it in milliamps"),
        (np.zeros(400), "angle", "it never moves"),
        (np.clip(np.sin(3 * T), -0.8, 0.8), "torque", "cut off or saturated"),
    ],
)
def test_signals_that_look_wrong_are_told(values, kind, words):
    assert any(words in finding.text for finding in suspect(log(q=values), {"q": kind}))


def test_a_sound_signal_is_not_suspected():
    assert suspect(log(q=np.sin(T)), {"q": "angle"}) == []


def test_a_turned_sign_is_seen():
    assert sign_flip(np.sin(T), -np.sin(T - 0.1)) and not sign_flip(np.sin(T), np.sin(T - 0.1))


@pytest.mark.real
@pytest.mark.slow
def test_the_servo_follows_runs_at_a_gain_that_no_fit_has_seen(root):
    plan = load_plan(root / "calibrations" / "xl330.yaml")
    (_, part), _ = plan.parts()
    log = Given(dict(plan.spec.logs), plan.folder, {}).signals("runs")
    training, held = (gather(part, half) for half in split(log, part.split))
    found = fit(training.take([0, 3, 5, 7, 9, 10]), "load", G, 0.06, {}, rounds=10)
    assert np.abs(physics.simulate(found.table, held, G) - held.position)[held.there].mean() <= 0.059


@pytest.fixture
def planned(tmp_path):
    """Calibrates runs as a plan of a stranger has them; rows where `keep` (n,), angles moved by `offset`."""

    def planned(made, keep=slice(None), offset=0.0, options=""):
        names = ["a", "b", "c", "d"][: len(made.names)]
        rows = {"t": np.tile(np.arange(N) * STEP, len(names)), "run": np.repeat(names, N), "kp": np.repeat(made.gain, N)}
        rows |= {"q": made.position + offset, "command": made.command + offset, "volts": made.volts}
        rows |= {"on": made.enabled.astype(float)}
        np.savez(tmp_path / "log.npz", **{name: values.ravel()[keep] for name, values in rows.items()})
        (tmp_path / "plan.yaml").write_text(
            "calibrate: servo\nlogs: {runs: {path: log.npz, time: {column: t}, labels: {run: run, kp: kp}, "
            "columns: {q: q, command: command, volts: volts, on: on}}}\n"
            "parts: [{kind: actuators, log: runs, robot: servo, volts: volts, enabled: on, gain: kp, mass_kg: 2.0, "
            f"length_m: 0.25, friction: [coulomb]{options}}}]\n"
        )
        return calibrate(load_plan(tmp_path / "plan.yaml")).results[0]

    return planned


def test_a_run_with_a_gap_is_simulated_in_pieces(planned):
    t = np.tile(np.arange(N), 4)
    found = planned(runs(gains=(10, 20, 40, 25)), ~((t > 90) & (t < 125)), options=", split: {by: run, hold_out: [d]}")
    assert found.facts["runs"] == ["a/1", "a/2", "b/1", "b/2", "c/1", "c/2"]
    assert found.scores[0].ours < 60  # 271 where the gap is a straight line


def test_a_signal_of_many_columns_is_refused_in_words(tmp_path):
    np.savez(tmp_path / "log.npz", t=T, q=np.column_stack([np.sin(T)] * 3), command=np.column_stack([np.sin(T)] * 3))
    (tmp_path / "plan.yaml").write_text(
        "calibrate: s\nlogs: {runs: {path: log.npz, time: t, columns: {q: q, command: command}}}\n"
        "parts: [{kind: actuators, log: runs, robot: s, mass_kg: 1, length_m: 0.3}]\n"
    )
    with pytest.raises(TableError, match="q has 3 columns, and this part follows one"):
        calibrate(load_plan(tmp_path / "plan.yaml"))


def test_a_value_at_the_end_of_its_search_is_told(planned):
    found = planned(runs(gains=(10, 20, 40, 25)), offset=0.5, options=", split: {by: run, hold_out: [d]}")
    assert any("does 0 hang down" in finding.text for finding in found.findings)


def test_a_single_run_that_rests_at_its_start_is_no_frozen_signal(planned):
    made = runs(gains=(40,))
    made.command[:, :60] = made.position[:, :60] = 0.0
    made.position[:, 60:] = simulate(table(), made, G)[0][:, 60:]
    assert "a/1" in planned(made).facts["runs"]


def test_a_plan_finds_a_servo_and_foretells_the_run_that_it_held_out(planned):
    made = runs(gains=(10, 20, 40, 25))
    result = planned(made, options=", split: {by: run, hold_out: [d]}")
    assert result.scores[0].better and result.scores[0].ours < 30
    assert {e.name.rpartition(".")[2] for e in result.estimates if e.identified} >= {"delay", "torque_per_volt", "coulomb"}


def test_a_single_run_is_cut_into_pieces_that_never_span_a_gap():
    t = np.concatenate([np.arange(60), 500 + np.arange(60)]) * STEP
    whole = Log("s", "", t, {"q": t}, {"run": np.full(120, "a")}, np.repeat([0, 1], 60))
    parts = whole.in_pieces(3).by_run()
    assert [len(part) for part in parts.values()] == [20] * 6
    assert all(np.ptp(part.time()) < 60 * STEP for part in parts.values())
