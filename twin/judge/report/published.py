"""Figures that others published, typed in with their source, to set beside a simulation where no real table is at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import Field, ValidationError, model_validator
from scipy import special

from twin.core.assets import named
from twin.core.errors import TableError
from twin.core.spec import Spec
from twin.judge import equivalence as eq
from twin.judge.compare import Comparison, Group, Row
from twin.judge.equivalence import ALPHA, Estimate, Gap, Verdict
from twin.judge.measures import LEVELS, STATISTICS, Episodes, quantile, read
from twin.judge.stats import Interval, benjamini_hochberg, dispersion, proportion, rate
from twin.judge.words import count, listed, short

NAMES: Mapping[str, tuple[str, float, bool]] = {
    **STATISTICS,
    "share_both": ("episodes with a protective stop and a grip loss", 0.05, False),
}
"""Statistics that can be published: name, margin, whether the margin is on the ratio."""


class Figure(Spec):
    """One figure: `k` of `n`, `count` in `hours`, or a bare `value` with or without its bounds."""

    statistic: Literal[
        "success", "duration_median_s", "duration_p10_s", "duration_p90_s",
        "share_protective_stop", "share_grip_loss", "share_both", "stops_per_h",
    ]  # fmt: skip
    k: int | None = Field(default=None, ge=0)
    n: int | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, gt=0)
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Figure:
        share = self.k is not None and self.n is not None and self.k <= self.n
        if sum((share, self.count is not None and self.hours is not None, self.value is not None)) != 1:
            raise ValueError("needs exactly one of: k and n (k ≤ n), count and hours, value")
        return self

    def interval(self) -> Interval:
        """The figure with what interval follows from it."""
        if self.k is not None and self.n is not None:
            return proportion(k=self.k, n=self.n)
        if self.count is not None and self.hours is not None:
            return rate(count=self.count, exposure=self.hours)
        return Interval(self.value, self.low, self.high, self.n or 0)

    def estimate(self) -> Estimate:
        """A figure that was published as such: its limits follow from its 95 % interval, or it is taken as exact."""
        value, low, high = float(self.value or 0.0), self.low, self.high

        def limits(tail: float) -> tuple[float, float]:
            reach = float(special.ndtri(1 - tail) / special.ndtri(0.975))
            return value - reach * (value - (value if low is None else low)), value + reach * (
                (value if high is None else high) - value
            )

        return Estimate(value, limits, max(1, self.n or 0))


class Published(Spec):
    """A set of figures of one robot or fleet, with where they stand."""

    title: str
    source: str
    licence: str = ""
    robot_model: str | None = None
    about: str = ""
    episodes: int = Field(ge=0)
    figures: tuple[Figure, ...] = Field(min_length=1)


def load(where: Path | str) -> Published:
    """Cited figures from a YAML file, by path or by the name of one that ships. `TableError` where it does not hold."""
    path = Path(where)
    if not path.suffix and not path.exists():
        path = named("published", str(where), ".yaml")
    try:
        return Published.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TableError(f"{path}: published figures cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: is no YAML file of published figures: {error}") from None
    except ValidationError as error:
        told = (f"{path}: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise TableError("\n".join(told)) from None


def compare_published(sim: pd.DataFrame, cited: Published) -> Comparison:
    """A simulated episode table beside published figures: each is judged against its margin, as `judge.compare` does, and the
    claims pay for their number. `TableError` where no simulated robot is of the published one's model."""
    side = read(sim, "sim")
    if cited.robot_model is not None:
        side = side.take([i for i, model in enumerate(side.keys["robot_model"]) if model == cited.robot_model])
        if not len(side):
            raise TableError(f"no simulated episode of a {cited.robot_model}, which {cited.title} is about")
    pairs = [_pair(figure, side, cited.episodes) for figure in cited.figures]
    gaps = [(NAMES[figure.statistic][1], gap) for figure, (_, gap) in zip(cited.figures, pairs, strict=True)]
    decided = [None if gap is None else eq.decide(gap, margin) for margin, gap in gaps]
    agrees = benjamini_hochberg([None if d is None else d.agrees for d in decided])
    differs = benjamini_hochberg([None if d is None else d.differs for d in decided])
    rows = tuple(
        _row(figure, shown, gap, same, apart)
        for figure, (shown, gap), same, apart in zip(cited.figures, pairs, agrees, differs, strict=True)
    )
    group = Group(None, cited.robot_model, None, len(side), cited.episodes, rows, {}, {}, {})
    notes = [f"Source: {cited.source}" + (f" ({cited.licence})" if cited.licence else ""), cited.about]
    return Comparison((group,), _sentence(rows), tuple(filter(None, notes)), ALPHA)


def _pair(figure: Figure, side: Episodes, n: int) -> tuple[Interval | None, Gap | None]:
    """The simulation's figure with its 95 % interval, and how far it lies from the published one; None: it has none."""
    if figure.statistic in ("success", "share_protective_stop", "share_grip_loss", "share_both"):
        return _share(figure, side)
    if figure.statistic == "stops_per_h":
        return _stops(figure, side, n)
    x = side.duration[side.timed]
    if not x.size:
        return None, None
    ours = quantile(x, LEVELS[figure.statistic.removeprefix("duration_").removesuffix("_s")])
    return _interval(ours), eq.ratio(sim=ours, real=figure.estimate())


def _share(figure: Figure, side: Episodes) -> tuple[Interval | None, Gap | None]:
    both = figure.statistic == "share_both"
    wanted = ("protective_stop", "grip_loss") if both else (figure.statistic.removeprefix("share_"),)
    x = side.label if figure.statistic == "success" else side.with_symptom(*wanted)
    x = x[~np.isnan(x)]
    if not x.size:
        return None, None
    told = dispersion(x)
    spread = 1.0 if told is None else max(1.0, told.value)
    ours = eq.share(k=int(x.sum()), n=int(x.size), dispersion=spread)
    shown = proportion(k=int(x.sum()), n=int(x.size), dispersion=spread)
    if figure.k is not None and figure.n is not None:
        return shown, eq.difference_of_shares(sim=ours, real=eq.share(k=figure.k, n=figure.n), dispersion=(spread, 1.0))
    return shown, eq.difference(sim=ours, real=figure.estimate())


def _stops(figure: Figure, side: Episodes, n: int) -> tuple[Interval | None, Gap | None]:
    stops, known = side.with_symptom("protective_stop"), ~np.isnan(side.duration)
    known &= ~np.isnan(stops)
    k, hours = int(stops[known].sum()), float(side.duration[known].sum()) / 3600
    if hours <= 0:
        return None, None
    shown = rate(count=k, exposure=hours)
    if figure.count is None or figure.hours is None:
        return shown, None
    return shown, eq.ratio_of_rates(sim=(k, hours), real=(figure.count, figure.hours), n=(int(known.sum()), max(1, n)))


def _interval(side: Estimate) -> Interval:
    low, high = (v if math.isfinite(v) else None for v in side.limits(0.025))
    return Interval(side.value, low, high, side.n)


def _row(figure: Figure, sim: Interval | None, gap: Gap | None, same: float | None, apart: float | None) -> Row:
    name, margin, ratio = NAMES[figure.statistic]
    within = f"{short(100 * margin)} %" if ratio else f"{short(100 * margin)} points"
    verdict: Verdict = "cannot_tell"
    if same is not None and same <= ALPHA:
        verdict, words = "agrees", f"agrees within {within}"
    elif apart is not None and apart <= ALPHA:
        verdict, words = "differs", "differs"
    elif gap is None:
        words = "cannot tell: not recorded on both sides"
    else:
        more = eq.needed(gap, margin)
        words = f"cannot tell: n ≥ {count(more)} needed on both sides" if more else "cannot tell"
    return Row(
        key=figure.statistic, name=name, sim=sim, real=figure.interval(), gap=_shown(gap), ratio=ratio, margin=margin,
        p_agrees=same, p_differs=apart, verdict=verdict, words=words,
    )  # fmt: skip


def _shown(gap: Gap | None) -> Interval:
    """A gap with its 95 % interval, a ratio as such."""
    if gap is None:
        return Interval(None, None, None, 0)
    ends = [float(np.exp(v)) if gap.ratio else v for v in (gap.value, *gap.limits(0.025))]
    value, low, high = (v if math.isfinite(v) else None for v in ends)
    return Interval(value, low, high, gap.n_sim)


def _sentence(rows: tuple[Row, ...]) -> str:
    heads = {"agrees": "may be trusted for", "differs": "may not be trusted for", "cannot_tell": "cannot be told yet for"}
    told = [(head, [r.name for r in rows if r.verdict == verdict]) for verdict, head in heads.items()]
    parts = [f"{head} {listed(names)}" for head, names in told if names]
    return f"By the published figures this twin {'; it '.join(parts)}."
