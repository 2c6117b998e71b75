"""Entry of the part `episodes`: success, durations, forecasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from twin.calibrate import outcomes
from twin.calibrate.episodelog import Episodes
from twin.calibrate.episodes import success
from twin.calibrate.episodes.picture import forecasts, robots
from twin.calibrate.episodes.spec import EpisodesSpec
from twin.calibrate.episodes.success import Group
from twin.calibrate.found import Found, survival
from twin.calibrate.given import Given
from twin.calibrate.laws import estimate, law_estimates
from twin.calibrate.reliability.history import cut_off, symptoms_seen, with_symptom
from twin.calibrate.result import Estimate, Finding, PartResult, Score
from twin.calibrate.stats.forecast import Scored, rolling
from twin.calibrate.stats.lifetimes import Times, choose
from twin.core.errors import TableError
from twin.core.records import Floats
from twin.judge.columns import numbers

FAMILIES = ("lognormal", "weibull", "exponential")
FEWEST = 10


def fit(spec: EpisodesSpec, given: Given) -> PartResult:
    """What the log tells of episodes. Raises `TableError`: no outcome and no duration, a covariate that is none."""
    log = given.episodes(spec.log)
    found = Found(findings=list(log.findings))
    good, told_by = success.outcomes(log.frame)
    lasts = numbers(log.frame, "duration_s", table="episodes")
    if np.isnan(good).all() and np.isnan(lasts).all():
        raise TableError(f"log {spec.log!r}: no episode has an outcome or a duration")
    given.say(f"{given.name(spec)}: success")
    if told_by:
        labelled = int(log.frame["label"].notna().sum())
        if told_by == "truth" and labelled > (known := int((~np.isnan(good)).sum())):
            text = f"the truth is told of {known} episodes, and a label of {labelled}: success is that of the truth alone"
            found.findings.append(Finding("warning", f"{text}; what labels are worth, operations says"))
        for group in success.groups(log.frame, good, spec.robot, spec.covariates):
            _success(spec, given, log, group, told_by, found)
    else:
        found.findings.append(Finding("warning", "no episode has a truth or a label: success is not identified"))
    given.say(f"{given.name(spec)}: durations")
    _durations(spec, given, log, good, lasts, found)
    scores = _forecast(spec, given, log, lasts, found) if spec.forecasts else []
    if spec.outcomes:
        _outcomes(log, found)
    parts = tuple(found.estimates), tuple(scores), tuple(found.findings), tuple(found.figures), found.facts
    return PartResult("episodes", given.name(spec), *parts)


def _success(spec: EpisodesSpec, given: Given, log: Episodes, group: Group, told_by: str, found: Found) -> None:
    at = ("models", given.name(spec), group.task, group.policy, "success")
    pooled, method = group.pooled, f"{told_by}, pooled over {len(group.pooled.counts.groups)} of {spec.robot}"
    known = {"typical": pooled.typical(), "new": pooled.share(None)}
    known |= {name: pooled.share(i) for i, name in enumerate(pooled.counts.groups)}
    if len(pooled.counts.groups) == 1:
        del known["new"]
    good, n = int(group.good.sum()), group.good.size
    bounded = "below" if good == n else "above" if good == 0 else None
    for name, belief in known.items():
        belief = replace(belief, bounded=bounded)  # noqa: PLW2901
        found.estimates.append(estimate((*at, name), belief, given.confidence, unit="", source=log.source, method=method))
    for i, name in enumerate(pooled.counts.names[1:], start=1):
        effect = pooled.effect(i)
        path = ("models", given.name(spec), group.task, group.policy, "log_odds", name)
        how = "against the most frequent value" if "=" in name else "per two standard deviations"
        found.estimates.append(estimate(path, effect, given.confidence, unit="", source=log.source, method=how))
    if len(pooled.counts.groups) > 1:
        tau = pooled.spread()
        found.facts[f"{group.name}, spread"] = {"value": tau.value, "low": tau.low, "high": tau.high}
        found.figures.append(robots(group, known))
    found.findings += [Finding("warning", f"{group.name}: {note}") for note in group.notes]
    if bounded:
        word, bound = ("succeeded", "at least") if good else ("failed", "at most")
        edge = 0.05 ** (1 / n) if good else 1 - 0.05 ** (1 / n)
        text = f"{group.name}: all {n} episodes {word}: {bound} {edge:.3g} (95 %, one-sided), and nothing is known of the rest"
        found.findings.append(Finding("warning", text))


def _durations(spec: EpisodesSpec, given: Given, log: Episodes, good: Floats, lasts: Floats, found: Found) -> None:
    """Laws of how long episodes take, by outcome: success or failure; where none is told by symptoms, without these of all."""
    cut = cut_off(log.frame)
    few: list[str] = []
    for (task, policy), here in success.by_policy(log.frame).items():
        for name, rows in _by_outcome(log, good, here).items():
            keep = rows & ~np.isnan(lasts) & (lasts > 0)
            if (count := int((keep & ~cut).sum())) < FEWEST:
                if count:
                    few.append(f"{task} by {policy}, {name} ({count})")
                continue
            data = Times(lasts[keep], ~cut[keep])
            label = f"duration of {task} by {policy}, {name}"
            best = choose(data, given.stream(spec, label), FAMILIES)[0]
            path = ("models", given.name(spec), task, policy, "duration_s", name)
            found.estimates += law_estimates(best, path, given.confidence, unit="s", source=log.source)
            found.figures.append(survival(label, best, data, "s"))
    if few:
        found.findings.append(Finding("note", f"fewer than {FEWEST} durations, too few for a law: {'; '.join(few)}"))


def _by_outcome(log: Episodes, good: Floats, here: Any) -> dict[str, Any]:
    if not np.isnan(good[here]).all():
        return {"success": here & (good == 1), "failure": here & (good == 0)}
    lists = log.frame["symptoms"].tolist()
    names = np.array(["+".join(sorted(s)) or "none" if isinstance(s, (list, tuple)) else "" for s in lists])
    told = {str(name): here & (names == name) for name in dict.fromkeys(names[here].tolist()) if name}
    return told or {"any end": here}


def _forecast(spec: EpisodesSpec, given: Given, log: Episodes, lasts: Floats, found: Found) -> list[Score]:
    """Rolling origin: symptoms and durations of the next episodes, against a stationary bootstrap of the past."""
    order = np.argsort(numbers(log.frame, "start_s", table="episodes"), kind="stable")
    n = order.size
    if n < spec.every + spec.horizon:
        found.findings.append(
            Finding("note", f"{n} episodes are too few to forecast any ({spec.every + spec.horizon} are wanted)")
        )
        return []
    given.say(f"{given.name(spec)}: forecasts")
    every = max(spec.every, -(-(n - spec.horizon) // spec.forecasts))
    flags = {name: with_symptom(log.frame, name)[order] for name in symptoms_seen(log.frame)}
    told = rolling(flags, lasts[order], given.stream(spec, "forecast"), every, spec.horizon)
    scores = []
    found.facts["figures"] = {
        name: {"log_score": s.ours, "bootstrap": s.reference, "inside": s.inside, "of": s.inside_of,
               "window": s.window, "window_bootstrap": s.window_reference} for name, s in told.items()
    }  # fmt: skip
    for name, scored in told.items():
        found.facts[f"forecast of {name}"] = dict(vars(scored))
        scores += _scores(name, scored, spec.horizon)
        if name in flags:
            found.figures.append(forecasts(name, scored, spec.horizon))
    return scores


def _scores(name: str, scored: Scored, horizon: int) -> list[Score]:
    words, reference = name.removesuffix("_s").replace("_", " "), "stationary bootstrap"
    out = [Score(f"log score of {words}, an episode", scored.ours, scored.reference, reference, "nats", scored.n, True)]
    if scored.window is not None:
        rows = len(scored.rows)
        text = f"log score of how many of {horizon} have {words}"
        out.append(Score(text, scored.window, scored.window_reference, reference, "nats", rows, True))
    what = "windows" if scored.window is not None else "episodes"
    text = f"share of {what} with {words} inside the 90 % interval"
    out.append(Score(text, scored.inside, None, "wanted: 0.9, no more and no less", "", scored.inside_of))
    return out


def _outcomes(log: Episodes, found: Found) -> None:
    """The outcome model of `twin fit-outcomes`, as part of the overlay."""
    try:
        made = outcomes.fit(log.frame, log.source)
    except TableError as error:
        found.findings.append(Finding("refused", f"no outcome model: {error}"))
        return
    found.estimates.append(Estimate(("outcomes", "source"), log.source, source=log.source))
    found.estimates.append(Estimate(("outcomes", "entries"), tuple(made.model["entries"]), n=made.episodes, source=log.source))
    found.findings += [Finding("note", note) for note in made.notes]
