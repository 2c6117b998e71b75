"""Spec of the part `episodes`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.calibrate.partspec import PartSpec


class EpisodesSpec(PartSpec):
    """Success by task, policy and robot, durations by outcome, and forecasts of what comes next.

    {kind: episodes, log: bay, covariates: [scene, attempt_of]}
    """

    kind: Literal["episodes"]
    covariates: tuple[str, ...] = ()
    """Columns of the episode table that success may hang on: numbers as they are, texts by their values."""
    robot: str = "cell"
    """The column whose values borrow strength from one another (`cell`, `robot_model`, `site`)."""
    every: int = Field(default=40, ge=5)
    """From every so many episodes on …"""
    horizon: int = Field(default=40, ge=5)
    """… so many are forecast, and the forecast is scored."""
    forecasts: int = Field(default=20, ge=0)
    """At most so many; a longer log is forecast at wider steps. 0: none."""
    outcomes: bool = False
    """Whether the overlay gets an outcome model, for `tier: outcome`."""
