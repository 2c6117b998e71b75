"""Entry of the part `network`: which law and how many regimes, how well they forecast, and the link that the farm runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.network import loss as losses
from twin.calibrate.network.families import FITS, Marginal
from twin.calibrate.network.horizons import Horizon, horizons
from twin.calibrate.network.link import link_estimates
from twin.calibrate.network.picture import tail_picture
from twin.calibrate.network.regimes import Chain, fit_chain
from twin.calibrate.network.score import (
    Candidate,
    choose_regimes,
    pinball,
    rank,
    rank_regimes,
    resampled,
)
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.network.stationary import Half, Halves, compare_halves
from twin.calibrate.partspec import SplitSpec
from twin.calibrate.result import Finding, PartResult, Score
from twin.calibrate.split import split
from twin.core.errors import InputError, TableError, nearest
from twin.core.records import Floats

FEWEST = 100
"""Delays that a fit needs: fewer say nothing of a tail."""
MOST = 200_000
"""Delays on each side of the split that are looked at; more tell no more that a link can hold."""
USUAL_S = 2e-5, 5.0
"""Between these lies the median delay of any network, from shared memory to orbit, or its unit is suspected."""


@dataclass(frozen=True)
class Model:
    """What was chosen on the training part."""

    candidates: list[Candidate]
    regime_losses: list[float]
    chain: Chain

    @property
    def family(self) -> str:
        """The chosen family."""
        return self.candidates[0].name


def fit(spec: NetworkSpec, given: Given) -> PartResult:
    """What the log tells of a link."""
    if given.fleet is not None and spec.link not in given.fleet.links:
        raise InputError(f"the fleet has no link {spec.link!r}{nearest(spec.link, given.fleet.links, what='links')}")
    log = given.signals(spec.log)
    training, held = split(log, spec.split or SplitSpec(by="time", hold_out=0.5))
    p = np.array(spec.quantiles)
    before, after = _delays(spec, training), _delays(spec, held)
    thinned = [] if max(len(before), len(after)) <= MOST else [Finding("note", f"of {len(before)} delays the last {MOST} are "
               f"fitted, and the first {MOST} of {len(after)} are scored")]  # fmt: skip
    before, after = before[-MOST:], after[:MOST]
    model = choose(spec, before, given)
    halves = compare_halves(np.concatenate([before, after]), p[p < 0.995], given.stream(spec, "halves"))
    shifted = halves.moved if halves else ()
    given.say(f"{given.name(spec)}: the link for the fleet")
    whole = after if shifted else np.concatenate([before, after])
    final = fit_chain(_family(model.family, whole), whole, model.chain.size)
    told = link_estimates(spec, given, final, whole, log.source)
    loss, lost_findings = losses.fit_loss(spec, given, log)
    static = model.chain.marginal.quantile(p)

    def earlier(part: Floats) -> tuple[str, Chain]:
        made = choose(spec, part, given)
        return made.family, made.chain

    further, ahead = horizons((model.family, model.chain), earlier, before, after, p)
    return PartResult(
        "network",
        given.name(spec),
        (*told, *loss),
        _scores(static, ahead, before, after, p),
        (
            *log.findings,
            *thinned,
            *_suspected(spec, before),
            *_stationary(halves, shifted),
            *_said(model),
            _kept(ahead, after, p),
            _further(further),
            *lost_findings,
        ),
        (tail_picture(model.chain, before, after, spec.link),),
        _facts(model, static, before, after, p, halves) | {"horizons": [vars(h) for h in further]},
    )


def choose(spec: NetworkSpec, before: Floats, given: Given) -> Model:
    """Family and number of regimes by what is held out inside the training part."""
    p = np.array(spec.quantiles)
    given.say(f"{given.name(spec)}: {len(before)} delays, families")
    candidates = rank(before, spec.families, p)
    given.say(f"{given.name(spec)}: regimes")
    told = rank_regimes(before, candidates[0].name, spec.max_regimes, p)
    return Model(candidates, told, fit_chain(candidates[0].marginal, before, choose_regimes(told)))


def _family(name: str, x: Floats) -> Marginal:
    return FITS[name](x)


def _delays(spec: NetworkSpec, log: Log) -> Floats:
    """(n,) delays of messages that arrived, in s. Raises `TableError`: too few, not above zero, all the same."""
    x = log.signal(spec.signal, whole=False)
    if x.ndim != 1:
        raise TableError(f"log {log.name!r}: {spec.signal} has {x.shape[1]} columns; a delay is one number a message")
    if spec.lost is not None:
        x = x[log.signal(spec.lost) <= 0]
    x = x[~np.isnan(x)]
    if len(x) < FEWEST:
        raise TableError(f"log {log.name!r}: {len(x)} delays in this part are too few to tell a tail (at least {FEWEST})")
    if (x <= 0).any():
        row = int(np.argmax(x <= 0))
        text = f"log {log.name!r}: {spec.signal} is {x[row]:g} s at row {row + 1}; a delay is above zero"
        mend = 'of a lost message say blank_values: ["-1"] with nan: keep, of a coarse clock add half its step (offset)'
        raise TableError(f"{text}: {mend}")
    if np.ptp(x) == 0:
        raise TableError(f"log {log.name!r}: {spec.signal} is {x[0]:g} s throughout: a frozen signal tells no distribution")
    return x


def _suspected(spec: NetworkSpec, x: Floats) -> list[Finding]:
    middle = float(np.median(x))
    if USUAL_S[0] <= middle <= USUAL_S[1]:
        return []
    return [Finding("warning", f"half of all delays are beyond {middle:.3g} s: is {spec.signal} in another unit than said?")]


def _scores(static: Floats, ahead: Floats, before: Floats, after: Floats, p: Floats) -> tuple[Score, ...]:
    reference = resampled(before, p)
    levels = " ".join(f"{share:g}" for share in p)
    named = f"mean pinball loss at {levels}"
    base = float(pinball(reference, after, p).mean()) * 1e3
    out = [
        Score(
            f"{named}, one message ahead", float(pinball(ahead, after, p).mean()) * 1e3, base, "resampling", "ms", len(after)
        ),
        Score(
            f"{named}, for the whole part", float(pinball(static, after, p).mean()) * 1e3, base, "resampling", "ms", len(after)
        ),
    ]
    truth = np.quantile(after, p)
    off, plain = np.abs(static / truth - 1), np.abs(reference / truth - 1)
    out += [Score(f"p{100 * share:g} off by", float(a), float(b), "resampling", "of the truth", len(after))
            for share, a, b in zip(p, off, plain, strict=True)]  # fmt: skip
    return tuple(out)


def _stationary(halves: Halves | None, shifted: tuple[Half, ...]) -> list[Finding]:
    if halves is None:
        return [Finding("note", "too short a trace to tell whether it is stationary")]
    if not shifted:
        return [Finding("note", "the two halves do not differ more than shuffled blocks of the trace do")]
    told = ", ".join(
        f"p{100 * h.share:g} {1e3 * h.first:.3g} then {1e3 * h.second:.3g} ms (p = {h.p_value:.3f})" for h in shifted
    )
    return [Finding("refused", f"not stationary: {told} in the two halves. One distribution for the whole trace is refused; "
                               "the link is that of the second half alone")]  # fmt: skip


def _said(model: Model) -> list[Finding]:
    best = model.candidates[0]
    others = "; ".join(f"{c.name} {c.loss:.4f}" + (" (contradicted by the data at "
                       + ", ".join(f"p{100 * s:g}" for s in c.contradicted) + ")" if c.contradicted else "")
                       for c in model.candidates[1:])  # fmt: skip
    regimes = ", ".join(f"{k}: {loss:.4f}" for k, loss in enumerate(model.regime_losses, start=1))
    return [
        Finding("note", f"law: {best.name}, held-out loss {best.loss:.4f} of resampling's; others: {others}"),
        Finding("note", f"regimes: {model.chain.size}; held-out loss one message ahead by their number: {regimes}"),
    ]


def _kept(ahead: Floats, after: Floats, p: Floats) -> Finding:
    """What is left over: how many held-out delays lay below each forecast quantile."""
    shares = (after[:, None] <= ahead).mean(axis=0)
    told = ", ".join(f"{100 * got:.4g} % below p{100 * share:g}" for share, got in zip(p, shares, strict=True))
    return Finding("note", f"held-out delays against their forecasts one message ahead: {told}")


def _further(told: list[Horizon]) -> Finding:
    words = ". ".join(h.words() for h in told)
    text = f"held-out loss of the mixture, so many messages ahead, over that of resampling the first part: {words}"
    return Finding("note", text)


def _facts(model: Model, static: Floats, before: Floats, after: Floats, p: Floats, halves: Halves | None) -> dict[str, object]:
    return {
        "family": model.family,
        "regimes": model.chain.size,
        "stays": [float(v) for v in np.diag(model.chain.transitions)],
        "quantiles": p.tolist(),
        "forecast_ms": (1e3 * static).tolist(),
        "first_ms": (1e3 * resampled(before, p)).tolist(),
        "second_ms": (1e3 * resampled(after, p)).tolist(),
        "halves": None if halves is None else {"p_value": halves.p_value, "quantiles": [vars(h) for h in halves.quantiles]},
        "candidates": [{"family": c.name, "loss": c.loss, "aic": c.marginal.aic, "contradicted": list(c.contradicted)}
                       for c in model.candidates],
        "regime_losses": model.regime_losses,
    }  # fmt: skip
