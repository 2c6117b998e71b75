"""A dynamics calibration as plain results: estimates with intervals, scores, findings, figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from scipy.stats import norm

from twin.calibrate.dynamics.identify import TOLD, formula, open_directions, told
from twin.calibrate.dynamics.physical import is_possible
from twin.calibrate.dynamics.regression import ZERO_SPREAD
from twin.calibrate.dynamics.regressor import PER_BODY
from twin.calibrate.dynamics.rollouts import Window, growth
from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.figures import correlations, overlaid, scatter
from twin.calibrate.given import Given
from twin.calibrate.result import Estimate, Figure, Finding, PartResult, Path, Score
from twin.core.records import Floats

if TYPE_CHECKING:
    from twin.calibrate.dynamics.fit import Outcome

NOTHING_NM = 1e-4
SHOWN = 12
"""How many values the table of correlations shows."""
POOR = 0.3
"""Share of held-out torques that is left unexplained, above which the log may be of another robot."""
METHOD = "inverse dynamics, possible bodies"


def result(spec: DynamicsSpec, given: Given, found: Outcome) -> PartResult:
    """Everything the part tells."""
    name = given.name(spec)
    figures = [*_torque_figures(found), *_hang_together(found)]
    scores = _scores(found)
    facts: dict[str, object] = {
        "cutoff_hz": found.task.cutoff_hz,
        "base": {n: formula(found.fitted.layout, row) for n, row in zip(found.base.names, found.base.weights, strict=True)},
        "trials": [vars(trial) for trial in found.fitted.trials],
        "mjcf": found.xml,
    }
    facts |= _facts(found)
    if found.rolled is not None:
        more, figure, table = _rolled(found)
        scores, figures = scores + more, figures + figure
        facts["rollouts"] = table
    if found.refined is not None:
        facts["refined"] = {"kept": found.refined.kept, "factors": [list(factor) for factor in found.refined.factors]}
    estimates, findings = _estimates(name, given, found), [*_findings(spec, found), *_why(found)]
    return PartResult("dynamics", name, tuple(estimates), tuple(scores), tuple(findings), tuple(figures), facts)


def _estimates(name: str, given: Given, found: Outcome) -> list[Estimate]:
    """Base parameters, then bodies, joints and sensors; identified is what the log settles."""
    fitted, layout = found.fitted, found.fitted.layout
    rows = np.zeros((len(found.base.weights), layout.width))
    rows[:, : layout.rigid] = found.base.weights
    z = float(norm.ppf(0.5 + given.confidence / 2))

    def estimate(path: Path, row: Floats, unit: str, identified: bool, value: float | None = None) -> Estimate:
        at = float(row @ fitted.x) if value is None else value
        half = z * float(np.sqrt(max(float(row @ fitted.cov @ row), 0.0)))
        low, high = (at - half, at + half) if identified else (None, None)
        return Estimate(("models", name, *path), at, low, high, fitted.n, unit, found.task.source, METHOD, identified)

    sure = told(rows, fitted.G, fitted.walls) > TOLD
    sliding = tuple(f"{n}.armature" for j, n in enumerate(found.task.bot.joints) if _slides(found, j))
    units = ["kg" if n.startswith(sliding) else _unit(n) for n in found.base.names]
    out = [estimate(("base", n), row, unit, bool(ok))
           for n, unit, row, ok in zip(found.base.names, units, rows, sure, strict=True)]  # fmt: skip
    alone = {n for n, plain, ok in zip(found.base.names, found.base.plain, sure, strict=True) if plain and ok}
    for i, body in enumerate(layout.free):
        label = layout.model.body(body).name
        at = i * PER_BODY
        mass = fitted.x[at]
        out.append(estimate(("bodies", label, "mass_kg"), np.eye(layout.width)[at], "kg", f"{label}.mass" in alone))
        for k, axis in enumerate("xyz"):
            value = float(fitted.x[at + 1 + k] / mass)
            out.append(estimate(("bodies", label, f"com_{axis}_m"), np.zeros(layout.width), "m", False, value))
    return [*out, *_joint_estimates(found, estimate, alone), *_refined(name, found)]


def _refined(name: str, found: Outcome) -> list[Estimate]:
    """Factors that roll-outs ask for on top of the regression's values; a factor that may be anything is not identified."""
    if found.refined is None or not found.refined.kept:
        return []
    n, method = found.fitted.n, "roll-outs, mujoco.sysid"
    out = []
    for label, x, half in found.refined.factors:
        sure = bool(np.isfinite(half)) and half < 1
        low, high = (float(np.exp(x - half)), float(np.exp(x + half))) if sure else (None, None)
        path: Path = ("models", name, "refined", *label.split(" ", 1))
        out.append(Estimate(path, float(np.exp(x)), low, high, n, "", found.task.source, method, sure))
    return out


def _joint_estimates(found: Outcome, estimate: object, alone: set[str]) -> list[Estimate]:
    assert callable(estimate)
    layout = found.fitted.layout
    eye, out = np.eye(layout.width), []
    if layout.armature:
        for j, joint in enumerate(found.task.bot.joints):
            row = eye[layout.inertial + j]
            key, unit = ("armature_kg", "kg") if _slides(found, j) else ("armature_kgm2", "kg m2")
            out.append(estimate(("joints", joint, key), row, unit, f"{joint}.armature" in alone))
    turned = {"viscous": "Nm s/rad", "quadratic": "Nm s2/rad2", "load": ""}
    slid = {"viscous": "N s/m", "quadratic": "N s2/m2", "load": ""}
    for column in layout.friction:
        (at,) = layout.at(column)
        path = ("joints", found.task.bot.joints[column.joint], column.kind)
        units = slid if _slides(found, column.joint) else turned
        out.append(estimate(path, eye[at], units.get(column.kind, _drive(found, column.joint)), True))
    for group in layout.sensors:
        gained, joints = tuple(found.task.bot.joints[j] for j in layout.gained()), found.task.bot.joints
        labels = {"gain": gained, "tilt": tuple("xyz"[i] for i in layout.sideways), "delay": ("all",), "zero": joints}[group]
        unit = {"tilt": "rad", "delay": "s", "zero": "rad"}.get(group, "")
        for at, label in zip(layout.at(group), labels, strict=True):
            sure = group != "zero" or bool(np.sqrt(found.fitted.cov[at, at]) < 0.5 * ZERO_SPREAD)
            out.append(estimate(("sensors", group, label), eye[at], unit, sure))
    return out


def _slides(found: Outcome, j: int) -> bool:
    """Whether a joint slides."""
    return bool(found.task.bot.model.jnt_type[j] == int(mujoco.mjtJoint.mjJNT_SLIDE))


def _drive(found: Outcome, j: int) -> str:
    """The unit of what drives a joint."""
    return "N" if _slides(found, j) else "Nm"


def _unit(name: str) -> str:
    kind = name.split(" ")[0].rsplit(".", 1)[-1]
    return "kg" if kind == "mass" else "kg m" if kind.startswith("h") else "kg m2"


def _scores(found: Outcome) -> list[Score]:
    """Held-out torques, beside those of the model as given."""
    real, ours, given = found.held
    n, as_given = len(real), "the model as given"
    size = np.linalg.norm(real)
    share, other_share = (float(np.linalg.norm(x - real) / size) for x in (ours, given))
    out = [Score("torque, relative error", share, other_share, as_given, "", n)]
    rms, other = (np.sqrt(np.mean((x - real) ** 2, axis=0)) for x in (ours, given))
    for j, joint in enumerate(found.task.bot.joints):
        out.append(Score(f"torque of {joint}, rmse", float(rms[j]), float(other[j]), as_given, _drive(found, j), n))
    for j, joint in enumerate(found.task.bot.joints):
        spread = float(real[:, j].std()) or np.inf
        out.append(Score(f"torque of {joint}, nrmse", float(rms[j] / spread), float(other[j] / spread), as_given, "", n))
    return out


def _facts(found: Outcome) -> dict[str, object]:
    """Held-out torques in numbers, one a joint; nrmse is rmse over the standard deviation of the measured torque."""
    real, ours, _ = found.held
    rms = np.sqrt(np.mean((ours - real) ** 2, axis=0))
    spread = np.where(real.std(axis=0) > 0, real.std(axis=0), np.inf)
    return {
        "relative_error": float(np.linalg.norm(ours - real) / np.linalg.norm(real)),
        "rmse_Nm": [float(x) for x in rms],
        "nrmse": [float(x) for x in rms / spread],
    }


def _rolled(found: Outcome) -> tuple[list[Score], list[Figure], list[dict[str, object]]]:
    """Error growth of roll-outs on held-out data, against the model as given and a robot that stays where it was."""
    assert found.rolled is not None
    dt = found.task.held[0].dt
    end = (len(found.rolled[0][0].logged) - 1) * dt
    horizons = [end * share for share in (0.1, 0.25, 0.5, 1.0)]
    ours, given, own = (growth(found_, dt, horizons) for found_ in found.rolled)
    scores = []
    for j, joint in enumerate(found.task.bot.joints):
        a, b, still = float(ours.simulated[-1, j]), float(given.simulated[-1, j]), float(ours.still[-1, j])
        unit = "m" if _slides(found, j) else "rad"
        scores.append(Score(f"roll-out of {joint} after {end:.2g} s, rms", a, b, "the model as given", unit, ours.starts))
        scores.append(Score(f"roll-out of {joint} after {end:.2g} s, rms", a, still, "standing still", unit, ours.starts))
    table: list[dict[str, object]] = [
        {"horizon_s": float(h), "ours_rad": list(a), "given_rad": list(b), "still_rad": list(s), "own_rad": list(o)}
        for h, a, b, s, o in zip(ours.horizon_s, ours.simulated, given.simulated, ours.still, own.simulated, strict=True)
    ]
    return scores, [_window_figure(found.rolled[0], dt, found.task.bot.joints)], table


def _why(found: Outcome) -> list[Finding]:
    """Where the error of roll-outs comes from: the model itself, or torques that the log has and the model has not."""
    if found.rolled is None:
        return []
    dt = found.task.held[0].dt
    end = (len(found.rolled[0][0].logged) - 1) * dt
    ours, own = (growth(found.rolled[k], dt, [end]).simulated[0] for k in (0, 2))
    told = ", ".join(f"{n} {a:.2g} and {b:.2g}" for n, a, b in zip(found.task.bot.joints, ours, own, strict=True))
    text = f"roll-outs after {end:.2g} s, rms rad, by the logged torques and by those that the fitted model asks for: {told}"
    return [Finding("note", f"{text}; the difference is what the logged torques leave unexplained, over the inertia it meets")]


def _window_figure(rolled: Sequence[Window], dt: float, joints: Sequence[str]) -> Figure:
    """The roll-out of middling error, its joint of greatest motion."""
    errors = [float(np.nan_to_num(np.abs(w.simulated - w.logged), nan=1e3).max()) for w in rolled]
    w = rolled[int(np.argsort(errors)[len(errors) // 2])]
    j = int(np.argmax(np.ptp(w.logged, axis=0)))
    t = np.linspace(w.at_s, w.at_s + (len(w.logged) - 1) * dt, len(w.logged))
    caption = f"Roll-out of middling error over held-out data (run {w.run}): {joints[j]}, solid simulated, dashed logged"
    return overlaid(t, np.nan_to_num(w.simulated[:, j]), w.logged[:, j], axis="s", left="rad", caption=caption)


def _hang_together(found: Outcome) -> list[Figure]:
    """Correlations of the values that hang together most, of those that the log tells."""
    fitted, layout = found.fitted, found.fitted.layout
    base = np.zeros((len(found.base.weights), layout.width))
    base[:, : layout.rigid] = found.base.weights
    sure = told(base, fitted.G, fitted.walls) > TOLD
    rub = np.eye(layout.width)[[layout.at(column)[0] for column in layout.friction]]
    rubs = [f"{found.task.bot.joints[column.joint]}.{column.kind}" for column in layout.friction]
    rows = np.concatenate([base[sure], rub])
    names = [n for n, ok in zip(found.base.names, sure, strict=True) if ok] + rubs
    cov = rows @ fitted.cov @ rows.T
    size = np.sqrt(np.maximum(np.diag(cov), 1e-300))
    both = cov / np.outer(size, size)
    most = np.sort(np.argsort(-np.abs(both - np.eye(len(both))).max(axis=1), kind="stable")[:SHOWN])
    text = f"How the fitted values hang together (−1 to 1): the {len(most)} of {len(names)} that do most."
    return [correlations([names[i] for i in most], both[np.ix_(most, most)], text)] if len(most) > 1 else []


def _torque_figures(found: Outcome) -> list[Figure]:
    real, ours, _ = found.held
    t = np.arange(len(real)) / (len(real) / sum(len(m.q) * m.dt for m in found.task.held))
    worst = np.argsort(-(np.std(ours - real, axis=0) / (np.std(real, axis=0) + 1e-12)))[:4]
    out = []
    for j in sorted(int(k) for k in worst):
        joint = found.task.bot.joints[j]
        caption = f"Torque of {joint}, held out: solid predicted, dashed measured"
        out.append(overlaid(t, ours[:, j], real[:, j], axis="s of held-out data", left=_drive(found, j), caption=caption))
    j = int(worst[0])
    joint = found.task.bot.joints[j]
    caption = f"Residual of {joint} over its prediction"
    out.append(scatter(ours[:, j], real[:, j] - ours[:, j], axis="predicted, Nm", left=_drive(found, j), caption=caption))
    return out


def _findings(spec: DynamicsSpec, found: Outcome) -> list[Finding]:
    fitted, layout, out = found.fitted, found.fitted.layout, list(found.task.findings)
    real, ours, _ = found.held
    left = float(np.linalg.norm(ours - real) / np.linalg.norm(real))
    if left > POOR:
        asked = "are robot, joints, units and signs those of this log?"
        out.append(Finding("warning", f"the fitted arm leaves {left:.0%} of the held-out torques unexplained: {asked}"))
    rule = "given" if spec.cutoff_hz else "8 × the band of the motion"
    out.append(Finding("note", f"torques are fitted and scored below {found.task.cutoff_hz:.3g} Hz, zero phase ({rule})"))
    for trial in fitted.trials:
        word = "taken" if trial.taken else "not taken"
        out.append(Finding("note", f"{trial.added}: {word} (unseen blocks {trial.unseen:.4f}, BIC {trial.bic:.1f})"))
    first = found.task.bot.joints[layout.reference]
    relative = f"gains are relative to {first}'s; " if "gain" in layout.sensors else ""
    common = "a gain that all torque sensors share scales all masses, and no log tells it unless a known payload is moved"
    out.append(Finding("note", relative + common))
    if found.values.dry is not None:
        lost = ", ".join(f"{n} {x:.2g}" for n, x in zip(found.task.bot.joints, found.lost, strict=True) if x >= NOTHING_NM)
        text = "friction beyond MuJoCo's own acts in roll-outs; without it (another simulator, a farm) are missed, rms Nm: "
        text += lost or "nothing"
        out.append(Finding("note", text))
    count, said = open_directions(found.base, fitted.G, fitted.walls)
    names = f"{len(found.base.names)} base parameters of {layout.rigid} (what no motion can tell apart stays as in the model)"
    out.append(Finding("note", names))
    if count:
        text = (
            f"this log leaves {count} directions of them open; least told: {'; '.join(said)}. They stay near the model's values"
        )
        out.append(Finding("warning", text))
    bodies = fitted.x[: layout.inertial].reshape(-1, PER_BODY)
    bad = [layout.model.body(b).name for b, p in zip(layout.free, bodies, strict=True) if not is_possible(p)]
    text = f"impossible bodies: {', '.join(bad)}" if bad else "every fitted body can exist"
    out.append(Finding("refused" if bad else "note", text))
    if found.refined is not None:
        r = found.refined
        word = "kept" if r.kept else "not kept"
        errors = ", ".join(f"{a:.3g} → {b:.3g}" for a, b in zip(r.before, r.after, strict=True))
        text = f"trajectory refinement {word}: roll-outs over the end of the training part, rms rad {errors}"
        out.append(Finding("note", text))
    return out
