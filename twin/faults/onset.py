"""When a fault begins: at a time, at a rate, after operating hours, in episodes, on an event, from a table, or drawn."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from twin.core.chance import Stream
from twin.core.errors import nearest
from twin.core.quantity import NonNegative
from twin.core.records import EVENT_KINDS
from twin.core.spec import Spec
from twin.faults.hazards import Law


class Varies(Spec):
    """How a rate or a share changes over the farm's time: `times` its value at `at_h`, straight between, level outside."""

    at_h: tuple[float, ...] = Field(min_length=1)
    times: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _pairs(self) -> Varies:
        if len(self.at_h) != len(self.times):
            raise ValueError(f"{len(self.at_h)} moments for {len(self.times)} factors")
        if any(b <= a for a, b in pairwise(self.at_h)):
            raise ValueError("at_h must rise")
        if not all(0 < factor <= 1e6 for factor in self.times):
            raise ValueError("factors must be above 0 and at most 1e6")
        return self

    def factor(self, now_s: float) -> float:
        """The factor at a moment."""
        return float(np.interp(now_s / 3600, self.at_h, self.times))


Several = float | tuple[float, ...]
"""One number for every run, or a list of which a run draws its own."""


class Wanders(Spec):
    """How a rate or a share may go on that nobody can foretell: in each run its own way, on average as its onset says.

    Of lists each run draws one place, the same in all of them: what is known of a level and its wandering together.
    """

    per_sqrt_h: Several
    """Standard deviation after an hour of the rate's logarithm or of the share's log odds, at first twice that after four."""
    returns_h: Several | None = None
    """Time in which a course comes back by a factor of e; never, if not given. Short: it comes in spells."""
    times: Several = 1.0
    """Around so many times what the onset says."""

    @model_validator(mode="after")
    def _sound(self) -> Wanders:
        sizes = {len(value) for value in (self.per_sqrt_h, self.returns_h, self.times) if isinstance(value, tuple)}
        if len(sizes) > 1 or 0 in sizes:
            raise ValueError("its lists must be of one length, with one number at least")
        for name, least in (("per_sqrt_h", 0.0), ("returns_h", 1e-6), ("times", 1e-6)):
            if not all(least <= value <= 1e9 for value in np.atleast_1d(getattr(self, name) or 1.0)):
                raise ValueError(f"{name} must be {f'at least {least:g}' if least else 'zero or more'} and at most 1e9")
        return self

    def one(self, stream: Stream) -> tuple[float, float | None, float]:
        """What a run draws: per_sqrt_h, returns_h, times."""
        count = max(np.size(self.per_sqrt_h), np.size(self.returns_h or 0.0), np.size(self.times))
        at = int(stream.integers(count)) if count > 1 else 0
        back = None if self.returns_h is None else _at(self.returns_h, at)
        return _at(self.per_sqrt_h, at), back, _at(self.times, at)


def _at(value: Several, at: int) -> float:
    return value[at] if isinstance(value, tuple) else value


class Moment(Spec):
    """One onset of a table, in s; `duration_s` where the table has it."""

    at_s: float = Field(ge=0, le=1e9)
    duration_s: float | None = Field(default=None, gt=0, le=1e9)


WAYS = ("at_s", "rate_per_h", "per_episode", "operating_h", "event", "moments", "table", "drawn")
"""The keys of which an onset has exactly one."""
BESIDE = {
    "within_s": ("per_episode",),
    "after_s": ("per_episode",),
    "varies": ("rate_per_h", "per_episode"),
    "wanders": ("rate_per_h", "per_episode"),
    "of": ("event",),
    "probability": ("event",),
    "delay_s": ("event",),
    "clock": ("moments", "table"),
}
"""Keys that mean something only beside others."""
OF_STOPS = ("stop.protective", "stop.emergency", "stop.cleared")
"""Events that say which fault they came of."""
OF_CELLS = ("per_episode", "operating_h")
"""Those that need a robot at work."""


class Onset(Spec):
    """When a fault begins. Exactly one of `at_s`, `rate_per_h`, `per_episode`, `operating_h`, `event`, `moments`, `table`,
    `drawn`."""

    at_s: float | None = Field(default=None, ge=0, le=1e9)
    rate_per_h: float | None = Field(default=None, gt=0, le=1e9)
    """Again and again at random, so often on average."""
    per_episode: float | None = Field(default=None, gt=0, le=1)
    """With this probability in each episode."""
    within_s: float = Field(default=8.0, gt=0)
    """With per_episode: it begins at a moment drawn evenly over this time from the episode's start."""
    after_s: NonNegative | None = None
    """With per_episode: or so long after the episode's start (a number or a law); in an episode that ends before it is none."""
    varies: Varies | None = None
    """With rate_per_h and per_episode: how they change."""
    wanders: Wanders | None = None
    """With rate_per_h and per_episode: they go on as nobody can foretell."""
    operating_h: Law | None = None
    """After so many operating hours of the robot, drawn from this law; anew after each repair, or when it has cleared."""
    event: str | None = None
    """On every event of this kind at the target (of any cell, where the target is none)."""
    of: str | None = None
    """With the event of a stop: only of one that this fault made, by name or pattern (`protective stop*`)."""
    probability: float = Field(default=1.0, gt=0, le=1)
    """With event: how likely it follows."""
    delay_s: NonNegative = 0.0
    """With event: how long after it."""
    table: str | None = None
    """A CSV beside the scenario with a column at_s and, where wanted, duration_s: a recording that is replayed."""
    moments: tuple[Moment, ...] | None = Field(default=None, min_length=1)
    """The same, written down."""
    clock: Literal["farm", "operating"] = "farm"
    """With moments and table: whether at_s counts since the start of the run, or the robot's time in episodes."""
    drawn: int | None = Field(default=None, ge=1, le=100_000)
    """So many onsets in all, each at a moment drawn evenly over the run, on one target drawn evenly."""

    @model_validator(mode="after")
    def _one(self) -> Onset:
        if sum(getattr(self, way) is not None for way in WAYS) != 1:
            raise ValueError(f"needs exactly one of {', '.join(WAYS)}")
        for name, ways in BESIDE.items():
            if getattr(self, name) != type(self).model_fields[name].default and all(getattr(self, way) is None for way in ways):
                raise ValueError(f"{name!r} goes only with {' or '.join(ways)}: here it would do nothing")
        if self.of is not None and (self.event or "") not in OF_STOPS:
            raise ValueError(f"'of' goes only with the event of a stop ({', '.join(OF_STOPS)})")
        if self.after_s is not None and self.within_s != type(self).model_fields["within_s"].default:
            raise ValueError("needs one of 'within_s' and 'after_s'")
        if self.moments and any(a.at_s > b.at_s for a, b in pairwise(self.moments)):
            raise ValueError("moments must be in order of time")
        return self

    @field_validator("event")
    @classmethod
    def _exists(cls, kind: str | None) -> str | None:
        if kind is not None and (kind not in EVENT_KINDS or kind.startswith("fault.")):
            raise ValueError(f"unknown kind of event {kind!r}{nearest(kind, [k for k in EVENT_KINDS if k[:6] != 'fault.'])}")
        return kind

    def follows(self, reason: str) -> bool:
        """Whether it comes of an event that has this reason."""
        return self.of is None or fnmatchcase(reason, self.of)

    def share(self, now_s: float) -> float:
        """Probability for an episode that begins now."""
        return min(1.0, (self.per_episode or 0.0) * (self.varies.factor(now_s) if self.varies else 1.0))

    def wait_s(self, now_s: float, stream: Stream) -> float:
        """Time to the next onset of a rate: candidates at the highest rate, each kept as often as the rate then is a part of it
        (Lewis and Shedler 1979)."""
        most = max(self.varies.times) if self.varies else 1.0
        wait = 0.0
        while True:
            wait += float(stream.exponential(3600.0 / ((self.rate_per_h or 0.0) * most)))
            if self.varies is None or float(stream.random()) * most < self.varies.factor(now_s + wait):
                return wait
