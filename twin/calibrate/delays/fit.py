"""Entry of the part `delays`: the command-to-motion delay of every joint, with its interval."""

from __future__ import annotations

import numpy as np

from twin.calibrate.delays.lag import FEWEST, Windows, interval, joined, peak, windows
from twin.calibrate.delays.spec import DelaysSpec
from twin.calibrate.figures import line
from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.result import Estimate, Figure, Finding, PartResult, Score
from twin.calibrate.split import split, usual
from twin.calibrate.suspicion import never_moves
from twin.core.errors import TableError
from twin.core.records import Floats

WEAK = 0.3
"""Below this correlation of the rates a joint does not follow its command, and no delay is known."""


def fit(spec: DelaysSpec, given: Given) -> PartResult:
    """What the log tells of delays between command and motion."""
    log = given.signals(spec.log)
    training, held = split(log, spec.split or usual(log))
    step = _step(log)
    longest = spec.max_delay_ms / 1e3
    count = _columns(log, spec)
    estimates, scores, figures, findings = [], [], [], list(log.findings)
    for joint in range(count):
        name = "" if count == 1 else f" of joint {joint + 1}"
        given.say(f"{given.name(spec)}: delay{name}")
        path = ("models", spec.robot, *(() if count == 1 else ("joints", joint)), "command_delay_ms")
        seen = _windows(training, spec, joint, step, longest)
        told = _judged(seen, spec, name)
        findings += told
        correlation = seen.correlation()
        lag = peak(correlation, step)
        low, high = interval(seen, given.confidence, given.stream(spec, "windows", joint))
        known = not any(finding.level != "note" for finding in told)
        low, high = min(low, lag), max(high, lag)
        estimates.append(Estimate(path, 1e3 * lag, 1e3 * low, 1e3 * high, len(seen.power), "ms", log.source,
                                  "cross-correlation of rates, windows resampled", known))  # fmt: skip
        scores += _scores(_windows(held, spec, joint, step, longest), lag, name)
        figures.append(_picture(correlation, step, lag, name))
    return PartResult("delays", given.name(spec), tuple(estimates), tuple(scores), tuple(findings), tuple(figures))


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


def _windows(log: Log, spec: DelaysSpec, joint: int, step: float, longest: float) -> Windows:
    """All windows of a joint; nothing is correlated across a gap."""
    t, asked, moved = log.time(), log.signal(spec.command), log.signal(spec.motion)
    found = []
    for segment in np.unique(log.segment):
        rows = log.segment == segment
        a, b = (values[rows] if values.ndim == 1 else values[rows, joint] for values in (asked, moved))
        part = windows(t[rows], a, b, step, longest)
        if part is not None:
            found.append(part)
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
