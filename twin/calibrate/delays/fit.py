"""Entry of the part `delays`: the command-to-motion delay of every joint, with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from twin.calibrate.delays import follow
from twin.calibrate.delays.lag import FEWEST, Windows, interval, joined, peak, windows
from twin.calibrate.delays.spec import DelaysSpec
from twin.calibrate.figures import line, overlaid
from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.result import Estimate, Figure, Finding, PartResult, Path, Score
from twin.calibrate.split import split, usual
from twin.calibrate.suspicion import never_moves
from twin.calibrate.units import UNITS
from twin.core.errors import InputError, TableError
from twin.core.records import Floats

WEAK = 0.3
"""Below this correlation of the rates a joint does not follow its command, and no delay is known."""


def fit(spec: DelaysSpec, given: Given) -> PartResult:
    """What the log tells of delays between command and motion."""
    log = given.signals(spec.log)
    training, held = split(log, spec.split or usual(log))
    step = _step(log)
    count = _columns(log, spec)
    unit = {"angle": "rad", "length": "m"}.get(UNITS[mapped.unit][0], "") if (mapped := log.maps[spec.motion]).unit else ""
    found = [PartResult("", "", findings=log.findings)]
    for joint, name in enumerate(_names(spec, log, count)):
        given.say(f"{given.name(spec)}: delay{name and f' of {name}'}")
        path = ("models", spec.robot, *(("joints", name) if name else ()))
        found.append(_joint(spec, given, _Joint(training, held, joint, step, name and f" of {name}", unit), path))
    return PartResult(
        "delays",
        given.name(spec),
        tuple(one for part in found for one in part.estimates),
        tuple(one for part in found for one in part.scores),
        tuple(one for part in found for one in part.findings),
        tuple(one for part in found for one in part.figures),
    )


@dataclass(frozen=True)
class _Joint:
    """One joint: training and held-out log, which column, the grid's step, what follows `delay` in words, the motion's unit."""

    training: Log
    held: Log
    number: int
    step_s: float
    of: str
    unit: str


def _joint(spec: DelaysSpec, given: Given, joint: _Joint, path: Path) -> PartResult:
    """What is found of one joint."""
    longest, step, of = spec.max_delay_ms / 1e3, joint.step_s, joint.of
    seen = _windows(joint.training, spec, joint, longest)
    findings = _judged(seen, spec, of)
    correlation = seen.correlation()
    lag = peak(correlation, step)
    low, high = interval(seen, given.confidence, given.stream(spec, "windows", joint.number))
    known = not any(finding.level != "note" for finding in findings)
    n, source, how = len(seen.power), joint.training.source, "cross-correlation of rates, windows resampled"
    where, ends = (*path, "command_delay_ms"), (1e3 * min(low, lag), 1e3 * max(high, lag))
    estimates = [Estimate(where, 1e3 * lag, *ends, n, "ms", source, how, known)]
    scores = _scores(_windows(joint.held, spec, joint, longest), lag, of)
    figures = [_picture(correlation, step, lag, of)]
    if known:
        with threadpool_limits(1):  # its matrices are of two rows
            servo = follow.fit(_stretches(joint.training, spec, joint), lag, longest)
        score, figure = _followed(servo, joint, spec)
        estimates += _servo(servo, given, joint, path, better=bool(score.better))
        scores, figures = [*scores, score], [*figures, figure]
    return PartResult("", "", tuple(estimates), tuple(scores), tuple(findings), tuple(figures))


def _servo(servo: follow.Servo, given: Given, joint: _Joint, path: Path, *, better: bool) -> list[Estimate]:
    """Delay and servo as estimates; not identified where held-out motion does not tell it from one that obeys at once."""
    z = float(norm.ppf(0.5 + given.confidence / 2))
    late, wide, off = (z * servo.spread).tolist()
    told = better and servo.told and wide < 1
    factor = float(np.exp(min(wide, 50.0)))
    rows = (
        ("servo_radps", servo.radps, servo.radps / factor, servo.radps * factor, "rad/s"),
        ("servo_delay_ms", 1e3 * servo.delay_s, 1e3 * max(servo.delay_s - late, 0.0), 1e3 * (servo.delay_s + late), "ms"),
        ("servo_offset", servo.offset, servo.offset - off, servo.offset + off, joint.unit),
    )
    n, source, how = servo.pieces, joint.training.source, "a critically damped servo, free-running"
    return [Estimate((*path, key), value, low, high, n, unit, source, how, told or key == "servo_offset")
            for key, value, low, high, unit in rows]  # fmt: skip


def _followed(servo: follow.Servo, joint: _Joint, spec: DelaysSpec) -> tuple[Score, Figure]:
    """The servo on held-out stretches, beside one that obeys at once."""
    held = _stretches(joint.held, spec, joint)
    moved = follow.foretold(held, servo.delay_s, servo.radps, servo.offset)
    ours, other = (float(np.sqrt(np.mean(held.left(x) ** 2))) for x in (moved, held.command))
    n = int(held.there.sum())
    score = Score(f"motion{joint.of}, rms, a servo free-running", ours, other, "one that obeys at once", joint.unit, n)
    row = int(np.argmax(held.there.sum(axis=1)))
    t = np.arange(held.there[row].sum(), dtype=np.float64) * joint.step_s
    caption = f"Motion{joint.of}, held out: solid the servo, free-running from its command, dashed measured."
    pair = (x[row, : len(t)] for x in (moved, held.motion))
    return score, overlaid(t, *pair, axis="time, s", left="motion", caption=caption)


def _names(spec: DelaysSpec, log: Log, count: int) -> list[str]:
    """What the joints are called: as the plan says, by their columns, or by number; nothing where there is one."""
    if spec.joints is not None:
        if len(set(spec.joints)) != count or len(spec.joints) != count:
            raise InputError(f"`joints` names {len(set(spec.joints))} joints for {count} columns of {spec.motion}")
        return list(spec.joints)
    columns = log.maps[spec.motion].names
    if count == 1:
        return [""]
    if len(columns) != count:
        return [str(i + 1) for i in range(count)]
    steps = [name.split(".") for name in columns]
    shared = next(i for i, own in enumerate(zip(*steps, strict=False)) if len(set(own)) > 1)
    return [".".join(own[shared:]) for own in steps]


def _columns(log: Log, spec: DelaysSpec) -> int:
    asked, moved = log.signal(spec.command), log.signal(spec.motion)
    if asked.shape != moved.shape:
        raise TableError(
            f"log {log.name!r}: {spec.command} has {asked[0].size} columns, {spec.motion} {moved[0].size}; map joint by joint"
        )
    return 1 if asked.ndim == 1 else asked.shape[1]


def _step(log: Log) -> float:
    steps = np.diff(log.time())[np.diff(log.segment) == 0]
    if not (steps > 0).any():
        raise TableError(f"log {log.name!r}: no two rows of one run differ in time")
    return float(np.median(steps[steps > 0]))


def _pieces(log: Log, spec: DelaysSpec, joint: _Joint) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Time, command and motion of a joint, of every stretch without a gap."""
    t, asked, moved = log.time(), log.signal(spec.command), log.signal(spec.motion)
    for segment in np.unique(log.segment):
        rows = log.segment == segment
        yield t[rows], *(values[rows] if values.ndim == 1 else values[rows, joint.number] for values in (asked, moved))


def _stretches(log: Log, spec: DelaysSpec, joint: _Joint) -> follow.Stretches:
    return follow.padded(list(_pieces(log, spec, joint)), joint.step_s)


def _windows(log: Log, spec: DelaysSpec, joint: _Joint, longest: float) -> Windows:
    """All windows of a joint; nothing is correlated across a gap."""
    cut = (windows(*piece, joint.step_s, longest) for piece in _pieces(log, spec, joint))
    found = [part for part in cut if part is not None]
    if not found:
        need = f"lasts the {(FEWEST + 1) * longest:g} s that looking for delays up to {longest:g} s takes"
        raise TableError(f"log {log.name!r}: no stretch without a gap {need}; give a smaller max_delay_ms")
    return joined(found)


def _judged(seen: Windows, spec: DelaysSpec, name: str) -> list[Finding]:
    """Why a delay may not be known."""
    if seen.power.sum() == 0 or seen.power_motion.sum() == 0:
        which = spec.command if seen.power.sum() == 0 else spec.motion
        return [Finding("warning", never_moves(f"{which}{name}", "no delay is known"))]
    correlation = seen.correlation()
    strongest = float(np.abs(correlation).max())
    if strongest < WEAK:
        told = f"best correlation {strongest:.2f}"
        return [Finding("warning", f"the motion{name} does not follow its command ({told}): no delay is known")]
    if -correlation.min() > correlation.max():
        return [
            Finding("warning", f"the motion{name} goes against its command: is the sign of {spec.motion} turned (sign: -1)?")
        ]
    if int(np.argmax(correlation)) == len(correlation) - 1:
        return [Finding("warning", f"the delay{name} reaches max_delay_ms ({spec.max_delay_ms:g}): look for longer ones")]
    return []


def _scores(held: Windows, lag: float, name: str) -> list[Score]:
    correlation = held.correlation()
    at = np.interp(lag / held.step_s, np.arange(len(correlation)), correlation)
    return [Score(f"correlation of rates{name} at the fitted delay", float(at), float(correlation[0]), "without a delay", "1",
                  len(held.power), more_is_better=True)]  # fmt: skip


def _picture(correlation: Floats, step: float, lag: float, name: str) -> Figure:
    lags: Floats = 1e3 * step * np.arange(len(correlation), dtype=np.float64)
    caption = f"Correlation of command and motion{name} by lag; highest at {1e3 * lag:.1f} ms."
    return line(lags, correlation, axis="lag, ms", left="correlation of rates", caption=caption)
