"""Checks as they stand in a scenario: exactly one key each, the name of the check."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from twin.core.spec import Spec

NEVER = ("workspace_violation", "joint_limit_violation", "velocity_violation", "void_episode", "abandoned_reset", "job_failed")
MARKS = ("stuck", "recovered", "broken", "repaired", "stopped", "cleared", "paged", "answered", "arrived", "assigned")


class SuccessRate(Spec):
    """Share of labelled episodes of a task that succeeded, at least `min` and at most `max`."""

    task: str = "pick_place"
    min: float | None = Field(default=None, ge=0, le=1)
    max: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _bounded(self) -> SuccessRate:
        if self.min is None and self.max is None:
            raise ValueError("success_rate needs min or max")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}")
        return self


class Within(Spec):
    """Every `from` is followed by `to` in the same cell (or job) within `seconds`."""

    from_: Literal[MARKS] = Field(alias="from")  # type: ignore[valid-type]
    to: Literal[MARKS]  # type: ignore[valid-type]
    seconds: float = Field(gt=0)


class AtLeast(Spec):
    """A count or rate of the run: episodes, usable episodes, usable per robot-hour."""

    what: Literal["episodes", "usable_episodes", "usable_per_robot_h", "utilisation"]
    min: float = Field(ge=0)


class CheckSpec(Spec):
    """One check: give exactly one of its keys."""

    success_rate: SuccessRate | None = None
    never: Literal[NEVER] | None = None  # type: ignore[valid-type]
    within: Within | None = None
    at_least: AtLeast | None = None

    @model_validator(mode="after")
    def _one(self) -> CheckSpec:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            known = ", ".join(type(self).model_fields)
            raise ValueError(f"give exactly one of {known} in a check (found {', '.join(given) or 'none'})")
        return self
