"""Hazard laws: after how many hours of operation (or cycles) something fails.

fails_h: {kind: exponential, mean: 800}
fails_h: {kind: weibull, shape: 1.8, scale: 1200}
fails_h: {kind: bathtub, early_shape: 0.5, early_scale: 9000, mean: 2000, late_shape: 4, late_scale: 3000}
fails_h: {kind: kaplan_meier, at: [100, 400, 900], surviving: [0.9, 0.6, 0.2]}
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twin.core.chance import Stream
from twin.core.quantity import Exponential, Weibull
from twin.core.records import Floats
from twin.core.spec import Spec


class Bathtub(Spec):
    """The first of three independent failures: an early one that ages out, a random one, and wear-out. Their hazards add up to
    a bathtub. Scales and `mean` are in the unit of the key that holds the law."""

    kind: Literal["bathtub"]
    early_shape: float = Field(gt=0, lt=1)
    early_scale: float = Field(gt=0)
    mean: float = Field(gt=0)
    """Mean time between the random ones."""
    late_shape: float = Field(gt=1)
    late_scale: float = Field(gt=0)


class KaplanMeier(Spec):
    """A table from a maintenance log: of all that began, the share `surviving` just after each age in `at`. Nothing is known
    beyond the last age: who lives so long does not fail."""

    kind: Literal["kaplan_meier"]
    at: tuple[float, ...] = Field(min_length=1)
    surviving: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _falls(self) -> KaplanMeier:
        if len(self.at) != len(self.surviving):
            raise ValueError(f"at has {len(self.at)} entries and surviving {len(self.surviving)}; one of each a failure")
        for i, (a, b) in enumerate(pairwise((0.0, *self.at)), start=1):
            if not a < b:
                raise ValueError(f"at must rise from above 0: entry {i} is {b:g} after {a:g}")
        for i, (a, b) in enumerate(pairwise((1.0, *self.surviving)), start=1):
            if not 0 <= b < a:
                raise ValueError(f"surviving must fall from below 1 and stay at least 0: entry {i} is {b:g} after {a:g}")
        return self


Law = Annotated[Exponential | Weibull | Bathtub | KaplanMeier, Field(discriminator="kind")]


def draw_life(law: Law, stream: Stream) -> float:
    """One life drawn from a law, in its own unit; infinite where it never fails."""
    match law:
        case Exponential():
            return float(stream.exponential(law.mean))
        case Weibull():
            return float(law.scale * stream.weibull(law.shape))
        case Bathtub():
            early = law.early_scale * stream.weibull(law.early_shape)
            return float(min(early, stream.exponential(law.mean), law.late_scale * stream.weibull(law.late_shape)))
    u = float(stream.random())
    return next((t for t, left in zip(law.at, law.surviving, strict=True) if u >= left), math.inf)


def surviving(law: Law, age: Floats) -> Floats:
    """(n,) share that lives longer than each `age` (n,), in the law's own unit."""
    match law:
        case Exponential():
            return np.exp(-age / law.mean)
        case Weibull():
            return np.exp(-((age / law.scale) ** law.shape))
        case Bathtub():
            early, late = (age / law.early_scale) ** law.early_shape, (age / law.late_scale) ** law.late_shape
            return np.exp(-(early + age / law.mean + late))
    steps = np.array((1.0, *law.surviving))
    return steps[np.searchsorted(np.array(law.at), age, side="right")]
