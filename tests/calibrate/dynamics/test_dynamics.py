import mujoco
import numpy as np
import pytest

from twin.calibrate.dynamics.checks import few, unwrapped
from twin.calibrate.dynamics.models import robot
from twin.calibrate.dynamics.regressor import body_parameters, movable_bodies, regressor
from twin.calibrate.result import Finding
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance
from twin.core.errors import InputError


def covers(estimate, truth):
    """Within twice the interval's half width: one arm may miss a 90 % interval; how often is the benchmark's question."""
    return abs(estimate.value - truth) <= estimate.high - estimate.low


def test_a_known_arm_is_recovered(arm):
    found = arm.calibrate()
    assert covers(found.named["base.lower.hz"], -1.2 * 0.6256 * 0.2557)
    assert covers(found.named["joints.elbow.coulomb"], 0.08) and covers(found.named["joints.shoulder.offset"], 0.05)
    assert found.result.scores[0].better and found.result.scores[0].ours < 0.1


def test_what_a_planar_arm_cannot_tell_is_said(arm):
    found = arm.calibrate()
    mass = found.named["bodies.upper.mass_kg"]
    assert not mass.identified and mass.low is None
    assert "7 base parameters of 22" in found.told


def test_a_log_that_hardly_moves_leaves_directions_open(arm):
    arm.q, arm.v = 0.002 * arm.q, 0.002 * arm.v
    assert "directions of them open; least told:" in arm.calibrate().told


def test_the_fitted_model_loads_in_mujoco(arm):
    arm.calibrate("rollout: null, save: fitted.xml")
    model = mujoco.MjModel.from_xml_path(str(arm.folder / "fitted.xml"))
    assert model.joint("elbow").damping[0] == pytest.approx(0.02, abs=0.01)
    assert model.dof_frictionloss[0] == pytest.approx(0.21, abs=0.02)


def test_the_velocity_may_be_left_out(arm):
    found = arm.calibrate("rollout: null, velocity: null")
    assert covers(found.named["base.lower.hz"], -1.2 * 0.6256 * 0.2557) and "velocity: derived" in found.told


def test_uneven_stamps_do_no_harm(arm):
    keep = np.arange(len(arm.t)) % 7 != 3
    arm.t, arm.q, arm.v, arm.tau = (x[keep] for x in (arm.t, arm.q, arm.v, arm.tau))
    assert arm.calibrate().named["base.lower.hz"].value == pytest.approx(-1.2 * 0.6256 * 0.2557, rel=0.03)


def test_friction_that_grows_with_the_load_is_found(arm):
    arm.tau[:, 0] += 0.3 * np.abs(arm.tau[:, 0]) * np.sign(arm.v[:, 0])
    assert "shoulder: load: taken" in arm.calibrate().told


def test_plain_friction_stays_plain(arm):
    told = arm.calibrate().told
    assert (
        not any(f"{kind}: taken" in told for kind in ("load", "quadratic")) and "gains of the torque sensors: taken" not in told
    )


def test_a_base_that_is_not_level_is_found(arm):
    arm.q[:, 0] += 0.03
    found = arm.calibrate("rollout: null, sensors: [tilt], friction: []")
    assert covers(found.named["sensors.tilt.x"], 0.03)


def test_an_arm_whose_weight_is_compensated_rolls_out_without_it_and_is_saved_with_it(arm):
    model = robot("double_pendulum", arm.folder, None, 2).model
    Y, known = regressor(model, arm.q, 0 * arm.q, 0 * arm.q)
    arm.tau -= arm.mass * Y @ np.concatenate([body_parameters(model, b) for b in movable_bodies(model)]) + known
    found = arm.calibrate("gravity: compensated, friction: [], save: fitted.xml")
    still = [s for s in found.result.scores if s.reference_name == "standing still"]
    assert len(still) == 2 and all(score.ours < 0.5 * score.reference for score in still)
    assert mujoco.MjModel.from_xml_path(str(arm.folder / "fitted.xml")).opt.gravity[2] == -9.81


def test_a_zero_of_the_positions_is_found_where_it_can_be_and_else_left_open(arm):
    arm.q[:, 0] += 0.04
    found = arm.calibrate("rollout: null, sensors: [zero], friction: []").named
    assert covers(found["sensors.zero.shoulder"], 0.04) and not found["sensors.zero.elbow"].identified


def test_a_late_torque_is_found(arm):
    late = 5
    arm.tau = np.concatenate([np.repeat(arm.tau[:1], late, axis=0), arm.tau[:-late]])
    assert covers(arm.calibrate("rollout: null, sensors: [delay], friction: []").named["sensors.delay.all"], 0.01)


def test_roll_outs_beat_the_model_as_given(arm):
    scores = [s for s in arm.calibrate("friction: []").result.scores if "roll-out" in s.name and "given" in s.reference_name]
    assert len(scores) == 2 and all(score.better for score in scores)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda a: a.q.__imul__(57.29578), "is it in degrees (unit: deg)?"),
        (lambda a: a.tau.__imul__(1000.0), "milli-units"),
        (lambda a: a.tau.__imul__(-1.0), "the torque runs against"),
        (lambda a: a.v.__imul__(-1.0), "velocity runs against"),
        (lambda a: a.v.__imul__(57.29578), "degrees for radians"),
    ],
)
def test_wrong_units_and_signs_are_suspected(arm, spoil, told):
    spoil(arm)
    assert told in arm.calibrate().told


def test_a_frozen_stretch_is_left_out(arm):
    arm.q[2000:2500, 1], arm.tau[2000:2500, 1] = arm.q[2000, 1], arm.tau[2000, 1]
    found = arm.calibrate()
    assert "elbow: frozen for 1 s (from 4 s on)" in found.told and covers(found.named["base.lower.hz"], -1.2 * 0.6256 * 0.2557)


def test_a_saturated_torque_is_left_out(arm):
    arm.tau[:, 0] = np.clip(arm.tau[:, 0], -1.5, 1.5)
    assert "shoulder: saturated at 1.5 Nm" in arm.calibrate().told


def test_positions_that_start_anew_after_a_turn_are_joined(arm):
    arm.q %= 2 * np.pi
    found = arm.calibrate()
    assert "elbow: its position starts anew after a full turn" in found.told
    assert covers(found.named["base.lower.hz"], -1.2 * 0.6256 * 0.2557)


@pytest.mark.parametrize(("shift", "to"), [(0.0, 0.0), (2 * np.pi, -2 * np.pi), (-2 * np.pi, 2 * np.pi), (1.0, 0.0)])
def test_positions_one_turn_beyond_the_models_limits_are_turned_back(shift, to):
    q = shift + np.linspace(-0.5, 0.5, 20)[:, None]
    back, said = unwrapped(q, np.array([[-1.0, 1.0]]), np.array([True]), ["j"])
    assert back == pytest.approx(q + to) and bool(said) == bool(to)


def test_findings_of_many_runs_are_told_once_they_are_too_many_by_their_number():
    found = few([Finding("note", "a")] * 20 + [Finding("warning", "b")])
    assert found[0].text == "b" and len(found) == 13 and found[-1].text == "9 more of these, in other runs or joints"
    assert few([Finding("note", "a")]) == [Finding("note", "a")]


def test_a_joint_that_never_moves_is_named(arm):
    arm.q[:, 1], arm.v[:, 1] = 0.1, 0.0
    found = arm.calibrate()
    assert "elbow never moves: no friction" in found.told and "joints.elbow.coulomb" not in found.named


def test_a_robot_that_never_moves_is_refused(arm):
    arm.q[:], arm.v[:] = 0.0, 0.0
    with pytest.raises(InputError, match="no joint moves"):
        arm.calibrate()


def test_too_short_a_log_is_refused(arm):
    arm.t, arm.q, arm.v, arm.tau = (x[:300] for x in (arm.t, arm.q, arm.v, arm.tau))
    with pytest.raises(InputError, match="no stretch of the log lasts 1 s"):
        arm.calibrate()


def test_a_model_with_other_joints_is_refused(arm):
    with pytest.raises(InputError, match="the log has 2 joints and panda has 7"):
        arm.calibrate(model="panda")


def test_an_unknown_joint_is_refused_with_the_nearest(arm):
    with pytest.raises(InputError, match=r"no joint 'elbo' .*did you mean 'elbow'"):
        arm.calibrate("joints: [shoulder, elbo]")


def test_the_gain_of_a_torque_sensor_is_found_relative_to_the_others(arm):
    arm.tau[:, 1] *= 1.15
    found = arm.calibrate("rollout: null, gain_spread: 0.2")
    assert covers(found.named["sensors.gain.elbow"], 0.15) and "gains are relative to shoulder's" in found.told


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda arm: (np.multiply.at(arm.q, (slice(None), 1), -1), np.multiply.at(arm.v, (slice(None), 1), -1)),
         "elbow: is its position counted the other way"),
        (lambda arm: np.add.at(arm.q, (slice(None), 0), np.pi / 2), "shoulder: is the model's zero 90° less"),
    ],
)  # fmt: skip
def test_a_position_that_is_counted_otherwise_than_in_the_model_is_suspected(arm, spoil, told):
    spoil(arm)
    assert told in arm.calibrate().told


def test_a_log_that_fits_its_model_is_suspected_of_nothing(arm):
    told = arm.calibrate().told
    assert "counted the other way" not in told and "unexplained" not in told


def test_a_joint_whose_signals_never_change_is_welded_where_it_stands(arm):
    model = robot("double_pendulum", arm.folder, None, 2).model
    welded = robot("double_pendulum", arm.folder, ["shoulder"], 1, {"elbow": 0.7}).model
    data, other = mujoco.MjData(model), mujoco.MjData(welded)
    data.qpos[:], other.qpos[:] = (0.3, 0.7), 0.3
    mujoco.mj_inverse(model, data), mujoco.mj_inverse(welded, other)
    assert other.qfrc_inverse[0] == pytest.approx(data.qfrc_inverse[0], abs=1e-9)
    arm.q[:, 1], arm.v[:, 1], arm.tau[:, 1] = 0.7, 0.0, 0.0
    assert "elbow: position (0.7) and torque never change" in arm.calibrate().told


def test_a_torque_that_stays_while_its_joint_turns_is_left_out(arm):
    arm.tau[2000:2500, 1] = arm.tau[2000, 1]
    assert "elbow: torque frozen for 1 s (from 4 s on)" in arm.calibrate().told


def test_a_joint_that_slides_has_its_own_units(tmp_path):
    (tmp_path / "lift.xml").write_text(
        '<mujoco><worldbody><body><joint name="z" type="slide" axis="0 0 1" armature="0.5"/><geom size="0.05" mass="2"/>'
        "</body></worldbody></mujoco>"
    )
    t = np.arange(0, 20, 0.004)
    w, q, v, a = 2 * np.pi * np.array([0.3, 0.7, 1.1])[:, None], 0.0, 0.0, 0.0
    q, v, a = ((0.05 * w**k * f(w * t)).sum(axis=0) for k, f in ((0, np.sin), (1, np.cos), (2, lambda x: -np.sin(x))))
    noise = 0.2 * Chance(1).stream("test", "lift").standard_normal(len(t))
    np.savez(tmp_path / "lift.npz", t=t, q=q, tau=2.8 * a + 2.3 * 9.81 + 3 * np.sign(v) + noise)
    (tmp_path / "plan.yaml").write_text(
        "calibrate: lift\nlogs: {run: {path: lift.npz, time: t, columns: {q: q, tau: tau}}}\n"
        "parts: [{kind: dynamics, log: run, model: lift.xml, rollout: null}]\n"
    )
    (result,) = calibrate(load_plan(tmp_path / "plan.yaml")).results
    named = {".".join(map(str, e.path[2:])): e for e in result.estimates}
    assert named["joints.z.coulomb"].unit == "N" and named["joints.z.coulomb"].value == pytest.approx(3, abs=0.2)
    assert "joints.z.armature_kg" in named and result.scores[1].unit == "N"


def test_motion_is_smoothed_more_behind_a_coarse_encoder_and_foretells_better(arm, monkeypatch):
    options = "rollout: null, velocity: null, friction: [], sensors: []"
    assert "motion up to 5 cut-offs" in arm.calibrate(options).told
    arm.q = np.round(arm.q / 0.02) * 0.02
    found = arm.calibrate(options)
    monkeypatch.setattr("twin.calibrate.dynamics.prepare.WIDTHS", (5.0,))
    assert found.result.facts["relative_error"] < 0.95 * arm.calibrate(options).result.facts["relative_error"]
