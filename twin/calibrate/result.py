"""What a part of calibration found, as plain values: overlay and report are made from these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Path = tuple[str | int, ...]
"""Where a value belongs in the fleet file: `("links", "wifi", "latency_ms", "median")`, `("people", "floor", "response_s")`;
`("serials", "UR3-0042", …)` is the robot of that serial, with the keys of its kind in `robots`. A path that starts with
`models` is kept with its interval but is no part of the fleet file."""

Scalar = float | int | str | bool


@dataclass(frozen=True)
class Estimate:
    """One fitted value with the interval it lies in; `low` or `high` is None where the log gives no bound on that side.

    `identified` is False where the log does not tell the value: it is then reported and left out of the overlay.
    A value that is a list is an empirical distribution; text names a choice (the `kind` of a distribution).
    """

    path: Path
    value: Scalar | tuple[float, ...] | tuple[dict[str, object], ...]
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    source: str = ""
    """The log: its name and the first digits of its sha256."""
    method: str = ""
    identified: bool = True
    deciles: tuple[float, ...] = ()
    """What is known of it, by its nine deciles; empty where only the interval is."""

    @property
    def name(self) -> str:
        """The path in one word."""
        return ".".join(str(step) for step in self.path)


@dataclass(frozen=True)
class Score:
    """How well held-out data were predicted, beside a reference. Less is better, unless `more_is_better`."""

    name: str
    ours: float
    reference: float | None = None
    reference_name: str = ""
    unit: str = ""
    n: int | None = None
    more_is_better: bool = False

    @property
    def better(self) -> bool | None:
        """Whether ours is better than the reference; None where there is none."""
        if self.reference is None:
            return None
        return self.ours > self.reference if self.more_is_better else self.ours < self.reference


@dataclass(frozen=True)
class Finding:
    """Something the reader must know. `refused`: a model or a value was not taken, and the text says why."""

    level: Literal["note", "warning", "refused"]
    text: str


@dataclass(frozen=True)
class Figure:
    """An inline SVG (see `judge/report/svg.py`) and what one sees on it."""

    svg: str
    caption: str


@dataclass(frozen=True)
class PartResult:
    """Everything one part found. `facts` are JSON values for scripts (`--json`), such as tables of candidate models."""

    part: str
    name: str
    """The part's name in the plan: several parts may be of one kind."""
    estimates: tuple[Estimate, ...] = ()
    scores: tuple[Score, ...] = ()
    findings: tuple[Finding, ...] = ()
    figures: tuple[Figure, ...] = ()
    facts: dict[str, object] = field(default_factory=dict)
