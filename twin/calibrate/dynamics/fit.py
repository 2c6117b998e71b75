"""Entry of the part `dynamics`: regression, hold-out, roll-outs, and what the log leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from twin.calibrate.dynamics import checks, dry, fleet, story
from twin.calibrate.dynamics.design import Layout, friction_columns, prior, rigid_torque, tilted
from twin.calibrate.dynamics.identify import Base, base_parameters
from twin.calibrate.dynamics.models import Robot, Values, as_given, with_values
from twin.calibrate.dynamics.prepare import Task, prepare
from twin.calibrate.dynamics.refine import Refined, refine
from twin.calibrate.dynamics.regression import Fitted, choose, solve
from twin.calibrate.dynamics.regressor import PER_BODY
from twin.calibrate.dynamics.rollouts import Window, windows
from twin.calibrate.dynamics.signals import Motion
from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.given import Given
from twin.calibrate.result import PartResult
from twin.core.errors import StorageError
from twin.core.records import Floats


@dataclass(frozen=True)
class Outcome:
    """All that is told of one calibration."""

    task: Task
    fitted: Fitted
    base: Base
    values: Values
    held: tuple[Floats, Floats, Floats]
    """Torque on held-out data (n, nv): measured, predicted, and by the model as given."""
    rolled: tuple[list[Window], list[Window], list[Window]] | None
    """Roll-outs of the fitted model and of the one given, and of the fitted one by the torques that it asks for itself."""
    refined: Refined | None
    lost: Floats
    """What MuJoCo's own friction leaves out of what was found (nv,), rms Nm."""
    xml: str


def fit(spec: DynamicsSpec, given: Given) -> PartResult:
    """What the log tells of the arm's dynamics."""
    sidecar = fleet.check(spec, given)
    with threadpool_limits(1):
        told = story.result(spec, given, outcome(spec, given))
    more = fleet.estimates(spec, given, sidecar, given.signals(spec.log).source)
    return replace(told, estimates=(*told.estimates, *more))


def outcome(spec: DynamicsSpec, given: Given) -> Outcome:
    """The calibration itself."""
    task = prepare(spec, given)
    given.say("choosing friction and sensor errors on unseen blocks")
    choice = choose(task.layout, task.options, task.fit, task.cutoff_hz, spec.gain_spread)
    given.say("fitting the arm")
    fitted = solve(choice.layout, task.fit, task.cutoff_hz, spec.gain_spread, choice)
    reference = as_model(task)
    pairs, plain = (arm.predict(task.held, whole=task.whole) for arm in (fitted, reference))
    held = tuple(np.concatenate(x) for x in ([b for b, _ in pairs], [p for _, p in pairs], [p for _, p in plain]))
    at_home = reference.predict(task.fit)
    measured, expected = (np.concatenate(x) for x in zip(*at_home, strict=True))
    task.findings.extend(checks.torque(measured, expected, task.bot.joints))
    values = native(task.bot, fitted, task.fit)
    refined = None
    if spec.refine is not None:
        given.say("refining on roll-outs")
        refined = refine(spec.refine, task, values, loose(fitted), [corrected(fitted, m) for m in task.fit])
    moving = refined.values if refined is not None else values
    rolled = None
    if spec.rollout is not None:
        given.say("rolling out")
        rolled = roll(spec, task, fitted, moving)
    xml = saved(given, spec.save, task.bot, values)
    if spec.refine is not None:
        saved(given, spec.refine.save, task.bot, moving)
    scored, lost = (held[0], held[1], held[2]), friction_lost(fitted, values, task.fit)
    return Outcome(task, fitted, base_parameters(choice.layout), values, scored, rolled, refined, lost, xml)


def saved(given: Given, name: str | None, bot: Robot, values: Values) -> str:
    """The model as MJCF, under gravity, written beside the plan where a name is given."""
    model = with_values(bot, values)
    model.option.gravity = np.array(bot.gravity)
    xml: str = model.to_xml()
    if name is not None:
        try:
            (given.folder / name).write_text(xml, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{name} cannot be written: {error.strerror or error}") from error
    return xml


def loose(fitted: Fitted) -> Floats:
    """(nv,) by how much armature may be off for all that the torques say: two standard errors."""
    layout = fitted.layout
    if not layout.armature:
        return np.zeros(layout.nv)
    return np.asarray(2 * np.sqrt(np.maximum(np.diag(fitted.cov)[layout.inertial : layout.rigid], 0.0)))


def as_model(task: Task) -> Fitted:
    """The model as given, in the place of a fit: its inertia, armature, Coulomb and viscous friction."""
    layout, given = task.layout, as_given(task.bot.model)
    x = np.zeros(layout.width)
    x[: layout.rigid] = prior(layout)
    for column in layout.friction:
        (at,) = layout.at(column)
        x[at] = {"coulomb": given.coulomb, "viscous": given.viscous}.get(column.kind, np.zeros(layout.nv))[column.joint]
    nothing = np.zeros((layout.width, layout.width))
    return Fitted(layout, x, nothing, np.ones(layout.nv), nothing, nothing, 0, (), task.cutoff_hz)


def native(bot: Robot, fitted: Fitted, seen: list[Motion]) -> Values:
    """Fitted values that MuJoCo knows: the friction loss and damping that come nearest to the friction that was found."""
    layout, given = fitted.layout, as_given(bot.model)
    bodies = {b: fitted.x[i * PER_BODY : (i + 1) * PER_BODY] for i, b in enumerate(layout.free)}
    armature = fitted.x[layout.inertial : layout.rigid] if layout.armature else given.armature
    coulomb, viscous = np.zeros(layout.nv), np.zeros(layout.nv)
    speed = np.concatenate([m.v for m in seen])
    torque = np.concatenate([friction_torque(layout, fitted.x, m) for m in seen])
    for j in range(layout.nv):
        if speed[:, j].std() == 0:
            continue
        columns = np.column_stack([np.tanh(speed[:, j] / layout.standstill[j]), speed[:, j]])
        coulomb[j], viscous[j] = nnls(columns, torque[:, j])[0]
    shape = dry.found(layout, fitted.x)
    return Values({**given.bodies, **bodies}, np.maximum(armature, 0.0), coulomb, viscous, shape if shape.shaped else None)


def friction_lost(fitted: Fitted, values: Values, seen: list[Motion]) -> Floats:
    """(nv,) rms Nm by which MuJoCo's own friction misses what was found, over the motion that was fitted."""
    v = np.concatenate([m.v for m in seen])
    found = np.concatenate([friction_torque(fitted.layout, fitted.x, m) for m in seen])
    own = values.coulomb * np.tanh(v / np.array(fitted.layout.standstill)) + values.viscous * v
    return np.asarray(np.sqrt(np.mean((found - own) ** 2, axis=0)))


def friction_torque(layout: Layout, x: Floats, motion: Motion) -> Floats:
    """Friction (n, nv) without offsets, which are the sensor's."""
    columns = friction_columns(layout, motion, np.abs(rigid_torque(layout, motion, x)))
    weights = np.array([0.0 if column.kind == "offset" else x[layout.at(column)[0]] for column in layout.friction])
    return np.asarray(columns @ weights)


def corrected(fitted: Fitted, motion: Motion) -> Motion:
    """The motion as a level arm would make and feel it, without what was found to be the sensors' error."""
    layout, tau, q = fitted.layout, motion.tau, motion.q
    if "zero" in layout.sensors:
        q = q - fitted.x[layout.at("zero")]
    for column in layout.friction:
        if column.kind == "offset":
            tau = tau - np.eye(layout.nv)[column.joint] * fitted.x[layout.at(column)[0]]
    if "gain" in layout.sensors:
        gain = np.ones(layout.nv)
        gain[layout.gained()] += fitted.x[layout.at("gain")]
        tau = tau / gain
    if "delay" in layout.sensors:
        rows = np.arange(len(tau)) + fitted.x[layout.at("delay")[0]] / motion.dt
        tau = np.column_stack([np.interp(rows, np.arange(len(tau)), column) for column in tau.T])
    if "tilt" in layout.sensors:
        tau = tau - tilted(layout, replace(motion, q=q), fitted.x[: layout.rigid]) @ fitted.x[layout.at("tilt")]
    return Motion(motion.run, motion.dt, q, motion.v, motion.a, tau)


def roll(
    spec: DynamicsSpec, task: Task, fitted: Fitted, values: Values
) -> tuple[list[Window], list[Window], list[Window]] | None:
    """Roll-outs over held-out data, of the fitted model with the torques as it felt them, of the given one, and of the fitted
    one by its own torques: what is left of its error when the log's torques are as the regression has them."""
    ask = spec.rollout
    assert ask is not None
    longest = max((len(m.q) - 1) * m.dt for m in task.held)
    if longest < ask.horizon_s:
        return None
    model = with_values(task.bot, values).compile()
    felt = [corrected(fitted, m) for m in task.held]
    layout, x = fitted.layout, fitted.x
    own = [replace(m, tau=rigid_torque(layout, m, x) + friction_torque(layout, x, m)) for m in felt]
    ours, given, by_own = (
        windows(arm, motion, horizon_s=ask.horizon_s, every_s=ask.every_s, step_s=ask.step_ms * 1e-3)
        for arm, motion in ((model, felt), (task.bot.spec.compile(), task.held), (model, own))
    )
    return ours, given, by_own
