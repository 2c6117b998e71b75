"""Numbers in a fleet file: a scalar, a distribution, or a measured value with its interval and source.

latency_ms: 20
latency_ms: {kind: lognormal, median: 20, sigma: 0.4}
repair_h: {value: 3.5, low: 2.0, high: 6.0, n: 41, source: "maintenance log 2025"}
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from twin.core.chance import Stream
from twin.core.records import Floats
from twin.core.spec import Spec


class Estimate(Spec):
    """A measured value: what it is, the interval it lies in, from how many observations, and where that stands."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = Field(default=None, ge=1)
    source: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Estimate:
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if not low <= self.value <= high:
            raise ValueError(f"value {self.value} lies outside its interval [{low}, {high}]")
        return self


class Lognormal(Spec):
    """Lognormal with `median` and `sigma`, the standard deviation of the logarithm."""

    kind: Literal["lognormal"]
    median: float = Field(gt=0)
    sigma: float = Field(ge=0)


class Exponential(Spec):
    """Exponential with `mean`."""

    kind: Literal["exponential"]
    mean: float = Field(gt=0)


class Uniform(Spec):
    """Uniform on [`low`, `high`]."""

    kind: Literal["uniform"]
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if self.high < self.low:
            raise ValueError(f"high {self.high} is below low {self.low}")
        return self


class Normal(Spec):
    """Normal with `mean` and `sd`, cut off at zero where a negative value makes no sense."""

    kind: Literal["normal"]
    mean: float
    sd: float = Field(ge=0)


class Weibull(Spec):
    """Weibull with `shape` and `scale` (the 63.2 % quantile)."""

    kind: Literal["weibull"]
    shape: float = Field(gt=0)
    scale: float = Field(gt=0)


class Empirical(Spec):
    """One of the listed `values`, each as likely as the next."""

    kind: Literal["empirical"]
    values: tuple[float, ...] = Field(min_length=1)


class Quantiles(Spec):
    """Any distribution by its quantiles: a share `shares[i]` lies below `values[i]`, on straight lines between.

    Below the first and beyond the last share lie the first and the last value.
    """

    kind: Literal["quantiles"]
    shares: tuple[float, ...] = Field(min_length=2)
    values: tuple[float, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _rising(self) -> Quantiles:
        if len(self.shares) != len(self.values):
            raise ValueError(f"{len(self.shares)} shares for {len(self.values)} values")
        if not self.shares[0] >= 0 or not self.shares[-1] <= 1 or any(b <= a for a, b in pairwise(self.shares)):
            raise ValueError("shares must rise from at least 0 to at most 1")
        if any(b < a for a, b in pairwise(self.values)):
            raise ValueError("values must not fall")
        return self


def _form(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", "an estimate"))
    if isinstance(value, Spec):
        return str(getattr(value, "kind", "an estimate"))
    return "a number"


Quantity = Annotated[
    Annotated[float, Tag("a number")]
    | Annotated[Estimate, Tag("an estimate")]
    | Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Exponential, Tag("exponential")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Weibull, Tag("weibull")]
    | Annotated[Empirical, Tag("empirical")]
    | Annotated[Quantiles, Tag("quantiles")],
    Discriminator(_form),
]


def nominal(quantity: Any) -> float:
    """The one number that stands for a quantity: the scalar, the value, or the mean (the median of a lognormal)."""
    match quantity:
        case Estimate():
            return quantity.value
        case Lognormal():
            return quantity.median
        case Exponential() | Normal():
            return quantity.mean
        case Uniform():
            return 0.5 * (quantity.low + quantity.high)
        case Weibull():
            return quantity.scale
        case Empirical():
            return float(np.mean(quantity.values))
        case Quantiles():
            return mean(quantity)
    return float(quantity)


def lowest(quantity: Any) -> float:
    """The least value a quantity can take (a normal is cut off at zero by `draw`)."""
    match quantity:
        case Estimate():
            return quantity.value if quantity.low is None else quantity.low
        case Uniform():
            return quantity.low
        case Normal():
            return min(0.0, quantity.mean) if quantity.mean < 0 else 0.0
        case Lognormal() | Exponential() | Weibull():
            return 0.0
        case Empirical():
            return min(quantity.values)
        case Quantiles():
            return quantity.values[0]
    return float(quantity)


def draw(quantity: Any, stream: Stream) -> float:
    """One value of a quantity. An estimate is its value: its interval says how well it is known, not how it varies."""
    match quantity:
        case Lognormal():
            return float(quantity.median * np.exp(quantity.sigma * stream.standard_normal()))
        case Exponential():
            return float(stream.exponential(quantity.mean))
        case Uniform():
            return float(stream.uniform(quantity.low, quantity.high))
        case Normal():
            return max(0.0, float(stream.normal(quantity.mean, quantity.sd)))
        case Weibull():
            return float(quantity.scale * stream.weibull(quantity.shape))
        case Empirical():
            return float(quantity.values[int(stream.integers(len(quantity.values)))])
        case Quantiles():
            return float(np.interp(stream.random(), quantity.shares, quantity.values))
    return nominal(quantity)


def draws(quantity: Any, stream: Stream, n: int) -> Floats:
    """(n,) values of a quantity: what `draw` would give one after the other, at the price of one."""
    match quantity:
        case Lognormal():
            return quantity.median * np.exp(quantity.sigma * stream.standard_normal(n))
        case Exponential():
            return stream.exponential(quantity.mean, n)
        case Uniform():
            return stream.uniform(quantity.low, quantity.high, n)
        case Normal():
            return np.maximum(0.0, stream.normal(quantity.mean, quantity.sd, n))
        case Weibull():
            return quantity.scale * stream.weibull(quantity.shape, n)
        case Empirical():
            return np.array(quantity.values)[stream.integers(len(quantity.values), size=n)]
        case Quantiles():
            return np.interp(stream.random(n), quantity.shares, quantity.values)
    return np.full(n, nominal(quantity))


def quantiles(quantity: Any, u: Floats) -> Floats:
    """The values of a quantity below which shares `u` of it lie: what uniform draws in (0, 1) become."""
    match quantity:
        case Lognormal():
            found = quantity.median * np.exp(quantity.sigma * normal(u))
        case Exponential():
            found = -quantity.mean * np.log1p(-u)
        case Uniform():
            found = quantity.low + (quantity.high - quantity.low) * u
        case Normal():
            found = np.maximum(0.0, quantity.mean + quantity.sd * normal(u))
        case Weibull():
            found = quantity.scale * (-np.log1p(-u)) ** (1.0 / quantity.shape)
        case Empirical():
            found = np.sort(quantity.values)[(u * len(quantity.values)).astype(np.int64)]
        case Quantiles():
            found = np.interp(u, quantity.shares, quantity.values)
        case _:
            found = np.full(np.shape(u), nominal(quantity))
    values: Floats = found
    return values


_STANDARD = NormalDist()


def quantile(quantity: Any, u: float) -> float:
    """The value below which a quantity lies with probability `u` in (0, 1): as `quantiles`, of one number."""
    match quantity:
        case float() | int() | Estimate():
            return nominal(quantity)
        case Lognormal():
            return quantity.median * math.exp(quantity.sigma * _STANDARD.inv_cdf(u))
        case Exponential():
            return -quantity.mean * math.log1p(-u)
        case Uniform():
            return quantity.low + u * (quantity.high - quantity.low)
        case Normal():
            return max(0.0, quantity.mean + quantity.sd * _STANDARD.inv_cdf(u))
        case Weibull():
            return float(quantity.scale * (-math.log1p(-u)) ** (1.0 / quantity.shape))
        case Empirical():
            return sorted(quantity.values)[int(u * len(quantity.values))]
        case Quantiles():
            return float(np.interp(u, quantity.shares, quantity.values))
    raise TypeError(f"{quantity!r} is no quantity")


def mean(quantity: Any) -> float:
    """The expectation of a quantity (of a normal before it is cut off at zero)."""
    match quantity:
        case Lognormal():
            return quantity.median * math.exp(0.5 * quantity.sigma**2)
        case Weibull():
            return quantity.scale * math.gamma(1.0 + 1.0 / quantity.shape)
        case Quantiles():
            shares, values = np.array([0.0, *quantity.shares, 1.0]), np.array(quantity.values)
            return float(np.trapezoid(values[[0, *range(len(values)), -1]], shares))
    return nominal(quantity)


LARGEST = 1e9
"""Beyond this no time, rate or distance of a farm makes sense (30 years in seconds), and µs might not fit 64 bits."""


def _not_negative(quantity: Any) -> Any:
    if lowest(quantity) < 0:
        verb = "can be" if isinstance(quantity, Spec) else "is"
        raise ValueError(f"must not be negative, but {verb} {lowest(quantity):g}")
    if nominal(quantity) > LARGEST:
        raise ValueError(f"must be at most {LARGEST:g}, is {nominal(quantity):g}")
    return quantity


NonNegative = Annotated[Quantity, AfterValidator(_not_negative)]
"""A quantity that cannot be below zero: times, rates, distances."""


def normal(u: Floats) -> Floats:
    """Quantiles of the standard normal law; scipy is loaded where it is needed, since `twin check` never draws."""
    from scipy.special import ndtri

    found: Floats = ndtri(u)
    return found
