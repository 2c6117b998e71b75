"""What the specs of all parts share: the log, and what of it is held out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.core.spec import Spec


class SplitSpec(Spec):
    """What is held out to judge the fit: a last share of the time, of the runs or robots, or named ones.

    {by: time, hold_out: 0.5}    {by: run, hold_out: 0.333}    {by: kp, hold_out: ["200"]}
    """

    by: str = "time"
    """`time` (the end of every run), or a label of the log: `run`, `robot`, …"""
    hold_out: Annotated[float, Field(gt=0, lt=1)] | tuple[str, ...] = 0.5
    """A share (the last ones), or the values of the label that are held out."""


class PartSpec(Spec):
    """The base of every part's spec; a part adds `kind` and its own keys."""

    name: str | None = Field(default=None, pattern=r"^[\w-]+$")
    """How report and overlay call it; left out: its kind, with a number where there are several."""
    log: str
    """A key of `logs`."""
    split: SplitSpec | None = None
    """Left out: the part's own default."""
