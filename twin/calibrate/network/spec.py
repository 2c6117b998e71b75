"""Spec of the part `network`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.calibrate.partspec import PartSpec

Family = Literal["lognormal", "loglogistic", "gamma", "lognormal_mixture_2", "lognormal_mixture_3", "empirical_tail"]


class NetworkSpec(PartSpec):
    """The delays of a link, their tail and bursts, from a trace of one value a message."""

    kind: Literal["network"]
    link: str
    """A key of the fleet's `links`."""
    signal: str = "rtt"
    """The delay of a message."""
    round_trip: bool = True
    """Whether the delay is there and back; the link then halves it each way."""
    lost: str | None = None
    """A signal that is above zero where the message was lost (its delay is then not looked at). With `nan: keep` a message
    without a delay was lost too."""
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(default=(0.5, 0.9, 0.99, 0.999), min_length=1)
    """Where the forecast is scored."""
    families: tuple[Family, ...] = Field(
        default=("lognormal", "loglogistic", "gamma", "lognormal_mixture_2", "lognormal_mixture_3", "empirical_tail"),
        min_length=1,
    )
    max_regimes: int = Field(default=4, ge=1, le=6)
