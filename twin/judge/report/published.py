"""Figures that others published, typed in with their source, to set beside a simulation where no real table is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import Field, ValidationError, model_validator

from twin.core.assets import named
from twin.core.errors import TableError
from twin.core.spec import Spec
from twin.judge.report.versus import Comparison, Sample, rows, same_model, sample, sentence
from twin.judge.stats import Interval, proportion, rate


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
    """A simulated episode table beside published figures."""
    sim, notes = same_model(sim, [cited.robot_model] if cited.robot_model else [])
    a = sample(sim, "simulation")
    figures: Mapping[str, Interval] = {f.statistic: f.interval() for f in cited.figures}
    hours = next((f.hours for f in cited.figures if f.hours), 0.0)
    b = Sample(cited.title, cited.episodes, figures, np.empty(0), hours)
    told = tuple(r for r in rows(a, b) if r.real is not None)
    source = cited.source + (f" ({cited.licence})" if cited.licence else "")
    about = (cited.about,) if cited.about else ()
    return Comparison(
        cited.title, "published figures", a, b, told, sentence(told, cited.title), source, (*about, *notes, *a.notes)
    )
