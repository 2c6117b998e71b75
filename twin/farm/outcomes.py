"""The outcome model: what becomes of an episode of a task, under a policy, on a kind of robot, at the n-th attempt of a goal.

It stands in the fleet file, written by hand or by `twin fit-outcomes`. An entry is a mixture of results; each has a share, and
what an episode that ends so is like: how long it took, what it reported, whether the goal was reached.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from twin.core.quantity import NonNegative, Quantity, lowest, nominal
from twin.core.records import SYMPTOMS
from twin.core.spec import Spec


def _share(quantity: Any) -> Any:
    if lowest(quantity) < 0 or not 0 <= nominal(quantity) <= 1:
        raise ValueError(f"a share lies between 0 and 1, this is {nominal(quantity):g}")
    return quantity


Share = Annotated[Quantity, AfterValidator(_share)]
"""A number between 0 and 1, or an estimate of one with its interval."""


class Result(Spec):
    """One way in which an episode ends: how often, with what truth, after how long, with which symptoms."""

    share: Share
    success: bool
    """Whether the goal was reached."""
    end_reason: Literal["done", "timeout", "stop", "stuck", "operator", "link"] = "done"
    duration_s: NonNegative
    symptoms: tuple[str, ...] = ()
    in_reach: bool = True
    """Whether a robot can tidy up afterwards; what lies out of reach waits for a person."""
    reached: str | None = None
    """Another goal that the episode reached instead (hindsight: a failed place that is a success for that goal)."""

    @field_validator("symptoms")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in SYMPTOMS:
                raise ValueError(f"unknown symptom {name!r} (known: {', '.join(SYMPTOMS)})")
        return names


class OutcomeEntry(Spec):
    """What becomes of the episodes that match: patterns for task, policy (`name` or `name@version`) and robot model."""

    task: str = "*"
    policy: str = "*"
    robot: str = "*"
    attempt: int | None = Field(default=None, ge=1)
    """Which attempt of the same goal; left out: each that no other entry is for."""
    n: int | None = Field(default=None, ge=1)
    """Episodes that it was fitted to."""
    results: tuple[Result, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> OutcomeEntry:
        total = sum(nominal(r.share) for r in self.results)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of its results add up to {total:.6g}, not to 1")
        return self

    def success(self) -> float:
        """Expected share of episodes that reach their goal."""
        return sum(nominal(r.share) for r in self.results if r.success)


class OutcomeModel(Spec):
    """Outcomes of all that is run; of several entries that match the first counts."""

    source: str = ""
    """Where the figures come from."""
    entries: tuple[OutcomeEntry, ...] = Field(min_length=1)

    def find(self, task: str, policy: str, robot: str, attempt: int) -> OutcomeEntry | None:
        """The entry for an attempt of `task` under `policy` (`name@version`) on a robot model; None: there is none."""
        for entry in self.entries:
            fits = fnmatchcase(task, entry.task) and fnmatchcase(robot, entry.robot) and entry.attempt in (None, attempt)
            if fits and (fnmatchcase(policy, entry.policy) or fnmatchcase(policy.partition("@")[0], entry.policy)):
                return entry
        return None


class LearningSpec(Spec):
    """A declared learning curve: success after n usable episodes is limit − (limit − start) · exp(−n / episodes)."""

    data: Literal["pooled", "own"] = "pooled"
    """Whether a site's policy learns from the episodes of all sites, or from its own."""
    start: float = Field(ge=0, le=1)
    limit: float = Field(ge=0, le=1)
    episodes: float = Field(gt=0, le=1e12)
    """Usable episodes in which the gap to the limit shrinks to 37 %."""
    rollout_h: float = Field(default=24.0, gt=0, le=1e6)
    """A new version so often."""
    stagger_h: float = Field(default=0.0, ge=0, le=1e6)
    """Each site gets it so much later than the site before."""

    @model_validator(mode="after")
    def _learns(self) -> LearningSpec:
        if self.limit < self.start:
            raise ValueError(f"the limit {self.limit:g} lies below the start {self.start:g}: nothing would be learnt")
        return self

    def success(self, episodes: float) -> float:
        """Share of episodes that succeed under a policy that has learnt from so many."""
        return self.limit - (self.limit - self.start) * math.exp(-episodes / self.episodes)


@dataclass(frozen=True)
class Odds:
    """An entry ready for drawing: bounds of the cumulated shares, and the results between them."""

    bounds: tuple[float, ...]
    results: tuple[Result, ...]

    def drawn(self, u: float) -> Result:
        """The result that a number in [0, 1) stands for."""
        return self.results[bisect_right(self.bounds, u)]


def odds(results: Sequence[Result], success: float | None = None) -> Odds:
    """The odds of some results; with `success` the shares of good and of bad ones are scaled to it, each kept in proportion."""
    shares = [nominal(r.share) for r in results]
    good = sum(s for s, r in zip(shares, results, strict=True) if r.success)
    if success is not None and 0 < good < 1:
        shares = [
            s * (success / good if r.success else (1 - success) / (1 - good)) for s, r in zip(shares, results, strict=True)
        ]
    kept = [(s, r) for s, r in zip(shares, results, strict=True) if s > 0]
    return Odds(tuple(accumulate(s for s, _ in kept[:-1])), tuple(r for _, r in kept))
