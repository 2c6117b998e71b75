"""When people are there: shifts and breaks by the clock on their wall, daylight saving included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from twin.core.errors import nearest
from twin.core.spec import Spec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock_time(text: object) -> object:
    """`HH:MM`, from 00:00 to 24:00."""
    hours, colon, minutes = str(text).partition(":")
    sound = colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and int(minutes) < 60
    if not sound or int(hours) * 60 + int(minutes) > 1440:
        raise ValueError(f"expected a time of day such as '08:30', found {text!r}")
    return str(text)


def _day(name: str) -> str:
    if name not in DAYS:
        raise ValueError(f"unknown day {name!r}{nearest(name, DAYS, what='days')}")
    return name


TimeOfDay = Annotated[str, BeforeValidator(_clock_time)]
Day = Annotated[str, AfterValidator(_day)]


class WindowSpec(Spec):
    """From one time of day to another; where the second is not later, it is the next day's."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay

    @model_validator(mode="after")
    def _lasts(self) -> WindowSpec:
        if self.from_ == self.to:
            raise ValueError(f"a window from {self.from_} to {self.to} lasts no time; all day is 00:00 to 24:00")
        return self

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The window that begins on a day, as instants in UTC."""
        begin, end = (_instant(day, text, zone) for text in (self.from_, self.to))
        return begin, end if end > begin else _instant(day + timedelta(days=1), self.to, zone)


class ShiftSpec(WindowSpec):
    """A shift: so many of the pool are there, on these days, without the breaks."""

    days: tuple[Day, ...] = DAYS
    count: int | None = Field(default=None, ge=0)
    """Left out: the whole pool."""
    breaks: tuple[WindowSpec, ...] = ()


def _instant(day: date, text: str, zone: ZoneInfo) -> datetime:
    hours, minutes = (int(part) for part in text.split(":"))
    wall = datetime.combine(day, time(0)) + timedelta(hours=hours, minutes=minutes)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _windows(spec: ShiftSpec, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The shift of a day and its breaks; nothing on days that are free."""
    if DAYS[day.weekday()] not in spec.days:
        return []
    begin, end = spec.on(day, zone)
    breaks = [b.on(day + timedelta(days=n), zone) for b in spec.breaks for n in (0, 1)]
    return [(begin, end), *((max(a, begin), min(b, end)) for a, b in breaks if a < end and b > begin)]


def on_duty(shifts: Sequence[ShiftSpec], pool: int, zone: ZoneInfo, now: datetime) -> tuple[int, datetime | None]:
    """How many of a pool of `pool` people are there at an instant (UTC), and when that may change next (None: never)."""
    if not shifts:
        return pool, None
    today, there, moments = now.astimezone(zone).date(), 0, []
    for shift in shifts:
        for n in range(-1, 9):
            windows = _windows(shift, today + timedelta(days=n), zone)
            moments += [t for window in windows for t in window if t > now]
            if windows and windows[0][0] <= now < windows[0][1] and not any(a <= now < b for a, b in windows[1:]):
                there += pool if shift.count is None else shift.count
    return min(there, pool), min(moments, default=None)


def ever_on_duty(shifts: Sequence[ShiftSpec], pool: int, zone: ZoneInfo, begin: datetime, end: datetime) -> bool:
    """Whether anybody is there at any time of a run."""
    now: datetime | None = begin
    while now is not None and now < end and now < begin + timedelta(days=15):
        there, now = on_duty(shifts, pool, zone, now)
        if there:
            return True
    return False
