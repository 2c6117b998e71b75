"""Checks as they stand in a scenario: exactly one key each, the name of the check. `docs/checks.md` has an example of each."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue

from twin.core.spec import Spec

BREACHES = (
    "workspace_violation", "joint_limit_violation", "velocity_violation", "separation_violation", "stop_violation",
    "command_jump_violation", "limits_violation", "keep_out_violation", "contact_violation", "stale_violation",
    "tracking_violation", "torque_violation", "jerk_violation", "self_violation",
)  # fmt: skip
TROUBLES = (
    "protective_stop", "grip_loss", "object_lost", "breakage", "page", "expired_page", "stuck_cell", "failed_reset",
    "abandoned_reset", "link_timeout", "job_returned", "job_failed", "filter_acted", "failed_filter",
    "rejected_data", "void_episode",
)  # fmt: skip
"""What can happen in a farm and be counted, or be ruled out."""
NEVER = (*BREACHES, *TROUBLES)
FIGURES = (
    "duration_s", "reset_s", "wait_s", "intervention_s", "obs_age_p99_s", "peak_speed_mps", "peak_force_N", "filtered_ticks",
)  # fmt: skip
"""Columns of the episode table that hold a number an episode."""
SHARES = ("success", "usable")
MARKS = ("stuck", "recovered", "broken", "repaired", "stopped", "cleared", "paged", "answered", "arrived", "assigned")


def _bounded(name: str, low: float | None, high: float | None, keys: str = "min or max") -> None:
    """Raise `ValueError` where neither bound is given, or both and nothing lies between them."""
    if low is None and high is None:
        raise ValueError(f"{name} needs {keys}")
    if low is not None and high is not None and high < low:
        raise ValueError(f"{name}: the upper bound {high:g} is below the lower one, {low:g}")


class Sure(Spec):
    """A check that can ask for confidence."""

    confidence: float | None = Field(default=None, ge=0.5, lt=1)
    """Left out, the value found is held against the bounds. Given (0.95), the interval of this confidence is: inside the bounds
    passes, outside fails, across a bound is undecided."""


class SuccessRate(Sure):
    """Share of labelled episodes of a task that succeeded, at least `min` and at most `max`."""

    task: str = "pick_place"
    min: float | None = Field(default=None, ge=0, le=1)
    max: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> SuccessRate:
        _bounded("success_rate", self.min, self.max)
        return self


class Always(Spec):
    """What holds in every episode: a figure within bounds, or (`label`, `usable`) an answer that is yes."""

    of: Literal[(*FIGURES, "label", "usable")]  # type: ignore[valid-type]
    min: float | None = None
    max: float | None = None
    task: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Always:
        if self.of in FIGURES:
            _bounded(f"always {self.of}", self.min, self.max)
        elif self.min is not None or self.max is not None:
            raise ValueError(f"always {self.of} is yes or no and takes neither min nor max")
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


class Rate(Sure):
    """How often something happens in an hour: of robots (every cell counts, all the time) or of episodes."""

    of: Literal[NEVER]  # type: ignore[valid-type]
    max_per_h: float | None = Field(default=None, ge=0)
    min_per_h: float | None = Field(default=None, ge=0)
    per: Literal["robot_h", "episode_h"] = "robot_h"

    @model_validator(mode="after")
    def _check(self) -> Rate:
        _bounded("rate", self.min_per_h, self.max_per_h, "max_per_h or min_per_h")
        return self


class Quantile(Sure):
    """A quantile over episodes of one of their figures: q 0.9 is what nine in ten stay below."""

    of: Literal[FIGURES]  # type: ignore[valid-type]
    q: float = Field(gt=0, lt=1)
    max: float | None = None
    min: float | None = None
    task: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Quantile:
        _bounded("quantile", self.min, self.max)
        return self


class NotWorseThan(Spec):
    """Success is not lower than that of a baseline run by more than `margin`."""

    run: str = Field(min_length=1)
    """A run folder, or a folder of run folders: beside the scenario, or by name beside this run's own folder."""
    margin: float = Field(gt=0, lt=1)
    task: str = "pick_place"
    confidence: float = Field(default=0.95, ge=0.5, lt=1)


class Effect(Spec):
    """One statistic that must not differ from the baseline's by more than `margin`: of a share in points (0.05), of a rate
    or a median relative to the baseline's (0.1)."""

    of: Literal[(*SHARES, *FIGURES, *NEVER)]  # type: ignore[valid-type]
    margin: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"of": given} if isinstance(given, str) else given

    @property
    def bound(self) -> float:
        """The margin, or what it is where none is given: 0.05 of a share, 0.1 of what is relative."""
        return self.margin if self.margin is not None else 0.05 if self.of in SHARES else 0.1

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _or(handler, core, lambda found: found["properties"]["of"])


class NoEffect(Spec):
    """Statistics that agree with those of a baseline run. A bare list is the short form: the run is then the one that another
    check of the scenario names."""

    run: str | None = Field(default=None, min_length=1)
    on: tuple[Effect, ...] = Field(min_length=1)
    task: str | None = None
    confidence: float = Field(default=0.95, ge=0.5, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        found = {"on": given} if isinstance(given, (list, tuple)) else given
        if isinstance(found, dict) and isinstance(found.get("on"), list):
            return found | {"on": tuple(found["on"])}  # strict validation took JSON's list, but takes no list from Python
        return found

    @model_validator(mode="after")
    def _once(self) -> NoEffect:
        names = [effect.of for effect in self.on]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"no_effect names {twice[0]!r} twice")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _or(handler, core, lambda found: found["properties"]["on"])


def _or(handler: GetJsonSchemaHandler, core: Any, short: Any) -> JsonSchemaValue:
    """The JSON Schema of a model that has a short form."""
    found = handler.resolve_ref_schema(handler(core))
    return {"description": found["description"], "anyOf": [dict(found), dict(short(found))]}


class JobsOnce(Spec):
    """Jobs are neither lost nor run twice, whatever crashed: each belongs to one cell at a time, runs as many goals as were
    asked, and does not wait beside a free cell."""

    waiting_s: float = Field(default=60.0, gt=0)
    """A job that waits longer than this beside a free cell that could do it is lost."""


RULE_NAMES = (
    "stops_stand", "one_authority", "no_work_while_faulty", "nothing_after_failure", "pages_are_answered", "no_reset_storm",
    "episodes_are_conserved", "fallback_at_once", "stuck_is_dealt_with", "no_retry_storm", "queues_are_bounded",
    "nobody_starves", "the_rest_goes_on", "inspected_before_work",
)  # fmt: skip


class Holds(Spec):
    """A rule of the farm that its events must keep throughout."""

    rule: Literal[RULE_NAMES]  # type: ignore[valid-type]
    limit: float | None = Field(default=None, gt=0)
    """Seconds for stops_stand, pages_are_answered, stuck_is_dealt_with, nobody_starves and the_rest_goes_on; times in ten
    minutes for no_reset_storm and no_retry_storm; jobs for queues_are_bounded."""
    metres: float | None = Field(default=None, gt=0)
    """For stops_stand: how far the tool may go."""


class CheckSpec(Spec):
    """One check: give exactly one of its keys, and `engines: both` where a suite or gate must see it hold on two physics."""

    success_rate: SuccessRate | None = None
    never: Literal[NEVER] | None = None  # type: ignore[valid-type]
    within: Within | None = None
    at_least: AtLeast | None = None
    always: Always | None = None
    rate: Rate | None = None
    quantile: Quantile | None = None
    not_worse_than: NotWorseThan | None = None
    no_effect: NoEffect | None = None
    jobs: JobsOnce | None = None
    holds: Holds | None = None
    engines: Literal["both"] | None = None
    """Left out, on the engine that runs. Both: suite and gate run the scenario on MuJoCo and PyBullet, and ask it of either."""

    @model_validator(mode="after")
    def _one(self) -> CheckSpec:
        given = self._given()
        if len(given) != 1:
            known = ", ".join(name for name in type(self).model_fields if name != "engines")
            raise ValueError(f"give exactly one of {known} in a check (found {', '.join(given) or 'none'})")
        return self

    @property
    def kind(self) -> str:
        """The key that is given."""
        return self._given()[0]

    def _given(self) -> list[str]:
        return [name for name in type(self).model_fields if name != "engines" and getattr(self, name) is not None]
