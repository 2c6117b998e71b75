"""Entry of the part `actuators`: which friction, which values, how well they follow runs that were held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats as sps

from twin.calibrate.actuators import physics
from twin.calibrate.actuators.parameters import NAMES, PARAMETERS, Parameter
from twin.calibrate.actuators.runs import Runs, check, gather
from twin.calibrate.actuators.search import FREE, Fitted
from twin.calibrate.actuators.search import fit as search
from twin.calibrate.actuators.servo import simulate
from twin.calibrate.actuators.spec import ActuatorsSpec
from twin.calibrate.figures import correlations, overlaid, scatter
from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.partspec import SplitSpec
from twin.calibrate.result import Estimate, Figure, Finding, PartResult, Score
from twin.calibrate.split import split
from twin.calibrate.suspicion import sign_flip, suspect
from twin.core.errors import InputError
from twin.core.records import Floats

WEAK = 1.0
"""A value is not identified where its interval reaches this share of it to either side."""
METHOD = "free-running least squares, interval over runs"
BLIND, FAINT = 1e-4, 0.05
"""Strength of a direction, against the best known one, below which it is not identified, and below which it is told."""
CLEARLY = 4.0
"""And lower Akaike's criterion by more than this (Burnham and Anderson 2002: with less the simpler one is hardly worse)."""
FEW, PIECES = 4, 6
"""With fewer runs each is cut into so many pieces for training, and two for what is held out."""
TOLD_LOW = ("zero", "gravity_scale")
"""Values whose least is told as well; others may be nothing at all."""
ASK = {
    "zero": "does 0 hang down, as the part needs it (offset)?",
    "gravity_scale": "are mass_kg and length_m those of the load?",
    "delay": "look for longer ones (max_delay_ms)",
}
PREFERRED = 0.98
"""A richer friction must lower the held-out error to this share of the simpler one's."""


@dataclass(frozen=True)
class Rival:
    """One friction model: its fit to the inner part of the training runs, and what it made of the rest of them."""

    friction: str
    fitted: Fitted
    held_out_mrad: float
    aic: float


def fit(spec: ActuatorsSpec, given: Given) -> PartResult:
    """What the log tells of a servo."""
    log = given.signals(spec.log)
    check(spec, log)
    few = len(log.runs) < FEW
    wanted = spec.split or (SplitSpec(by="time", hold_out=0.25) if few else SplitSpec(by="run", hold_out=0.25))
    training, held = split(log, wanted)
    # stretches without a gap are simulated each from its own first state, so that nothing is made up for what a gap hides
    training, held = training.in_pieces(PIECES if few else 1), held.in_pieces(2 if few else 1)
    runs, unseen = gather(spec, training), gather(spec, held)
    if len(runs.names) < 3:
        raise InputError(f"log {log.name!r}: {len(runs.names)} runs to fit; at least 3 are needed to choose a friction model")
    inner, outer = _inner(
        runs, training.labels.get(wanted.by) if wanted.by in training.labels else None, training.labels["run"]
    )
    rivals = _rivals(spec, given, inner, outer)
    chosen = rivals[0]
    for rival in rivals[1:]:
        if rival.held_out_mrad < PREFERRED * chosen.held_out_mrad and rival.aic < chosen.aic - CLEARLY:
            chosen = rival
    given.say(f"{given.name(spec)}: {chosen.friction} friction, all training runs")
    best = search(runs, chosen.friction, spec.gravity_mps2, spec.max_delay_ms / 1e3, spec.fixed, chosen.fitted.table)
    spread = _deviations(best)
    ours = physics.simulate(best.table, unseen, spec.gravity_mps2)
    cut = [Finding("note", f"fewer than {FEW} runs: each is cut into pieces, which are simulated from their own first state")]
    findings = [*cut * few, *_suspected(spec, log), *_chosen(rivals, chosen), *_limits(best), *_at_bounds(best)]
    return PartResult(
        "actuators",
        given.name(spec),
        tuple(_estimates(spec, given, best, spread, log.source)),
        tuple(_scores(ours, unseen, best, spec)),
        (*log.findings, *findings),
        tuple(_figures(ours, unseen, best)),
        {"friction": chosen.friction, "rivals": [_told(rival) for rival in rivals], "runs": list(runs.names),
         "held_out": {name: float(error) for name, error in zip(unseen.names, _by_run(ours, unseen), strict=True)}},
    )  # fmt: skip


def _suspected(spec: ActuatorsSpec, log: Log) -> list[Finding]:
    out = suspect(log, {spec.position: "angle", spec.command: "angle"})
    if sign_flip(log.single(spec.command), log.single(spec.position)):
        told = f"log {log.name!r}: {spec.position} goes against {spec.command}: is its sign turned (sign: -1)?"
        out.append(Finding("warning", told))
    return out


def _inner(runs: Runs, label: object, run_of_row: object) -> tuple[Runs, Runs]:
    """Training runs cut once more, to choose the friction: a group of the split's own label, or the last third of runs."""
    names = list(runs.names)
    group = dict(zip(np.asarray(run_of_row).tolist(), np.asarray(label).tolist(), strict=True)) if label is not None else {}
    groups = list(dict.fromkeys(group.values()))
    if 2 <= len(groups) < len(names):
        last = [i for i, name in enumerate(names) if group[name] == groups[len(groups) // 2]]
    else:
        last = list(range(len(names) - max(1, len(names) // 3), len(names)))
    return runs.take([i for i in range(len(names)) if i not in last]), runs.take(last)


def _rivals(spec: ActuatorsSpec, given: Given, inner: Runs, outer: Runs) -> list[Rival]:
    """Every friction model, each started from the one before it."""
    out: list[Rival] = []
    for friction in (name for name in FREE if name in spec.friction):
        given.say(f"{given.name(spec)}: {friction} friction")
        start = out[-1].fitted.table if out else None
        fitted = search(inner, friction, spec.gravity_mps2, spec.max_delay_ms / 1e3, spec.fixed, start, rounds=20)
        error = float(_by_run(simulate(fitted.table, outer, spec.gravity_mps2)[0], outer).mean())
        n = len(fitted.residuals)
        aic = n * float(np.log(np.mean(fitted.residuals**2))) + 2 * len(fitted.free)
        out.append(Rival(friction, fitted, error, aic))
    return out


def _by_run(got: Floats, runs: Runs) -> Floats:
    """(R,) mean absolute error of the angle, mrad."""
    miss = np.where(runs.there, np.abs(got - runs.position), 0.0)
    out: Floats = 1e3 * miss.sum(axis=1) / runs.there.sum(axis=1)
    return out


def _covariance(fitted: Fitted) -> Floats:
    """(F, F) in the fit's own scale: errors hang together inside a run, so that runs are the units (sandwich)."""
    bread = np.linalg.pinv(fitted.jacobian.T @ fitted.jacobian, rcond=1e-10)
    count = int(fitted.run.max()) + 1
    pushes = np.array([fitted.jacobian[fitted.run == r].T @ fitted.residuals[fitted.run == r] for r in range(count)])
    out: Floats = bread @ (pushes.T @ pushes) @ bread * count / max(count - 1, 1)
    return out


def _deviations(fitted: Fitted) -> Floats:
    """(F,) standard deviations in SI."""
    out: Floats = np.sqrt(np.maximum(np.diag(_covariance(fitted)), 0.0)) * fitted.scale
    return out


def _ends(parameter: Parameter, value: float, half: float) -> tuple[float, float]:
    """An interval, symmetric where the parameter was fitted: in its logarithm if that is so."""
    if parameter.log:
        factor = float(np.exp(min(half / value, 50.0)))
        return value / factor, value * factor
    return max(value - half, 0.0) if parameter.low == 0 else value - half, value + half


def _estimates(spec: ActuatorsSpec, given: Given, fitted: Fitted, spread: Floats, source: str) -> list[Estimate]:
    count = int(fitted.run.max()) + 1
    reach = float(sps.t.ppf(0.5 + given.confidence / 2, max(count - 1, 1)))
    untold = _untold(fitted)
    out = [_position_gain(spec, fitted, reach, source)]
    for i, sd in zip(fitted.free.tolist(), spread.tolist(), strict=True):
        parameter, value = PARAMETERS[i], float(fitted.table[i])
        told = parameter.name not in untold
        known = told and (sd * reach < WEAK * abs(value) or parameter.name in ("zero", "delay"))
        low, high = _ends(parameter, value, reach * sd) if told else (None, None)
        path = ("models", spec.robot, "servo", parameter.name)
        out.append(Estimate(path, value, low, high, count, parameter.unit, source, METHOD, bool(known)))
    return out


def _scores(ours: Floats, unseen: Runs, fitted: Fitted, spec: ActuatorsSpec) -> list[Score]:
    plain = _by_run(simulate(fitted.table, unseen, spec.gravity_mps2)[0], unseen).mean()
    return [
        Score("position MAE in MuJoCo, free-running", float(_by_run(ours, unseen).mean()),
              float(_by_run(unseen.command, unseen).mean()), "a servo that obeys at once", "mrad", len(unseen.names)),
        Score("the same in the simulation that was fitted", float(plain), None, "", "mrad", len(unseen.names)),
    ]  # fmt: skip


def _told(rival: Rival) -> dict[str, object]:
    return {"friction": rival.friction, "held_out_mrad": rival.held_out_mrad, "aic": rival.aic,
            "parameters": len(rival.fitted.free)}  # fmt: skip


def _chosen(rivals: list[Rival], chosen: Rival) -> list[Finding]:
    told = "; ".join(f"{r.friction} {r.held_out_mrad:.1f} mrad held out, AIC {r.aic:.0f}" for r in rivals)
    return [Finding("note", f"friction inside the training runs: {told}; taken: {chosen.friction}")]


def _blind(fitted: Fitted) -> tuple[Floats, Floats]:
    """Strengths (F,) with which the runs tell each direction (F, F) of the free parameters, each scaled by its own effect."""
    scaled = fitted.jacobian / np.maximum(np.linalg.norm(fitted.jacobian, axis=0), 1e-12)
    _, strength, directions = np.linalg.svd(scaled, full_matrices=False)
    return strength / strength[0], directions


def _untold(fitted: Fitted) -> set[str]:
    """Parameters that can move without any run noticing, because others move with them."""
    strength, directions = _blind(fitted)
    named = [NAMES[i] for i in fitted.free.tolist()]
    rows = directions[strength < BLIND]
    return {name for k, name in enumerate(named) if (np.abs(rows[:, k]) > 0.3).any()}


def _limits(fitted: Fitted) -> list[Finding]:
    """The directions in parameter space that the runs tell least about."""
    strength, directions = _blind(fitted)
    named = [NAMES[i] for i in fitted.free.tolist()]
    out = []
    for weak, direction in zip(strength, directions, strict=True):
        if weak >= FAINT:
            continue
        parts = [f"{direction[i]:+.2f} {named[i]}" for i in np.argsort(-np.abs(direction))[:4] if abs(direction[i]) > 0.15]
        if weak < BLIND:
            mend = (
                "; the servo never ran into its limit, a run that does tells them apart"
                if "stiffness" in _untold(fitted)
                else ""
            )
            out.append(Finding("warning", f"not identified: the runs do not change along {' '.join(parts)}{mend}"))
        else:
            out.append(Finding("warning", f"the runs tell {1 / weak:.0f} times less along {' '.join(parts)}"))
    return out


def _at_bounds(fitted: Fitted) -> list[Finding]:
    """Values that stand where the search ends: the data would have them beyond it."""
    out = []
    for i, low, high in zip(fitted.free.tolist(), fitted.low.tolist(), fitted.high.tolist(), strict=True):
        parameter, value = PARAMETERS[i], float(fitted.table[i])
        near = 1e-3 * (high - low)
        at = "least" if value <= low + near and parameter.name in TOLD_LOW else "greatest" if value >= high - near else ""
        if at:
            ask = ASK.get(parameter.name, "is the load, a unit or the gain another one?")
            text = f"{parameter.name} stands at the {at} value that is looked at ({value:.4g} {parameter.unit}): {ask}"
            out.append(Finding("warning", text))
    return out


def _position_gain(spec: ActuatorsSpec, fitted: Fitted, reach: float, source: str) -> Estimate:
    """Stiffness times torque: the spring that the servo is short of its limit, known even where the two are not."""
    names = [NAMES[i] for i in fitted.free.tolist()]
    along = np.array([float(name in ("stiffness", "torque_per_volt")) for name in names])  # what is fixed adds nothing
    value = float(fitted.table[NAMES.index("stiffness")] * fitted.table[NAMES.index("torque_per_volt")])
    factor = float(np.exp(min(reach * float(np.sqrt(max(along @ _covariance(fitted) @ along, 0.0))), 50.0)))
    path = ("models", spec.robot, "servo", "stiffness_times_torque")
    count = int(fitted.run.max()) + 1
    return Estimate(path, value, value / factor, value * factor, count, "Nm/(rad V)", source, METHOD)


def _figures(ours: Floats, unseen: Runs, fitted: Fitted) -> list[Figure]:
    t = np.arange(unseen.position.shape[1]) * unseen.step_s
    out = []
    for i in range(min(4, len(unseen.names))):
        there = unseen.there[i]
        caption = f"Run {unseen.names[i]}, held out: the angle as measured, and free-running in MuJoCo from its first state."
        out.append(
            overlaid(t[there], ours[i][there], unseen.position[i][there], axis="time, s", left="angle, rad", caption=caption)
        )
    miss = (ours - unseen.position)[unseen.there]
    axes = {"axis": "measured angle, rad", "left": "simulated less measured, mrad"}
    caption = "What is left over on the held-out runs, by angle: a band along zero is noise, a slope is not."
    out.append(scatter(unseen.position[unseen.there], 1e3 * miss, caption=caption, **axes))
    covariance = _covariance(fitted)
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    names = [NAMES[i].replace("_", " ") for i in fitted.free.tolist()]
    out.append(correlations(names, covariance / np.outer(sd, sd), "How the fitted values hang together (−1 to 1)."))
    return out
