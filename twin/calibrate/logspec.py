"""Specs of logs: where they lie, what their columns are called and measured in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from twin.calibrate.units import KINDS, UNITS
from twin.core.errors import nearest
from twin.core.records import EPISODE_COLUMNS
from twin.core.spec import Spec
from twin.log.mapspec import Dialect, Texts, Zone

Format = Literal["csv", "ping", "parquet", "jsonl", "hdf5", "npz", "rosbag", "lerobot"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.-]*$")]


class ColumnMap(Spec):
    """A signal as a column of a log, or as several side by side. In short: the column's name alone.

    What is read is `sign * scale * value + offset`, in `unit`, and then in SI. `sign`, `scale` and `offset` may be lists, one
    value a column.
    """

    column: str | tuple[str, ...]
    """Names in the file (HDF5: paths of data sets; rosbag: topic and field, `/joint_states.position`; no header: 1, 2, …). A
    column of lists is many columns; `action.3` is the fourth of them."""
    unit: str = ""
    """`rad`, `deg`, `ms`, `mA` …; left out: taken as it is."""
    sign: Literal[1, -1] | tuple[Literal[1, -1], ...] = 1
    scale: float | tuple[float, ...] = 1.0
    """The unit's size of one count, where the log holds counts."""
    offset: float | tuple[float, ...] = 0.0
    bits: Literal[8, 16, 32] | None = None
    """The column holds a signed number that was written as an unsigned one of so many bits."""
    nan: Literal["refuse", "drop", "keep"] = "refuse"
    """A row without this value: refuse the log, drop the row and say so, or keep it, where it says something (a message
    without a delay was lost)."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str | int | list) else value

    @field_validator("column", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(str(name) for name in value)
        return str(value) if isinstance(value, int) else value

    @field_validator("sign", "scale", "offset", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("unit")
    @classmethod
    def _known(cls, unit: str) -> str:
        if unit and unit not in UNITS:
            raise ValueError(f"unknown unit {unit!r}{nearest(unit, UNITS, what='units')}")
        return unit

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, one or many."""
        return (self.column,) if isinstance(self.column, str) else self.column


class TimeMap(ColumnMap):
    """The column of time; `iso8601` for stamps of date and time."""

    unit: str = "s"
    zone: Zone | None = None
    """Of stamps of date and time that carry none (`Europe/Berlin`); left out: UTC."""

    @field_validator("unit")
    @classmethod
    def _known(cls, unit: str) -> str:
        if unit != "iso8601" and unit not in KINDS["time"]:
            raise ValueError(f"unknown unit of time {unit!r}{nearest(unit, [*KINDS['time'], 'iso8601'], what='units')}")
        return unit


class RunTable(Spec):
    """A table with one row a run (masses, gains, robots): its columns become labels of the log."""

    path: str
    key: str = "run"
    """The column that names the run, as the log's label `run` does."""


class SignalLog(Dialect):
    """Signals over time: one file, a pattern, or a list of files; each file is a run unless a label says otherwise."""

    kind: Literal["signals"] = "signals"
    path: str | tuple[str, ...]
    """Relative to the plan; `*` stands for anything. `${NAME}` is an environment variable, `${NAME:-else}` with a default."""
    format: Format | None = None
    """Left out: by the file's ending."""
    header: bool = True
    """CSV: whether the first line names the columns; if not they are called 1, 2, …"""
    time: TimeMap | None = None
    rate_hz: float | None = Field(default=None, gt=0)
    """Rows a second, where the log has no column of time; every file then starts at zero."""
    columns: dict[Name, ColumnMap] = Field(default_factory=dict)
    labels: dict[Name, str] = Field(default_factory=dict)
    """Columns that tell rows apart (`run`, `robot`, a gain): read as text."""
    runs: RunTable | None = None
    gap_s: float | None = Field(default=None, gt=0)
    """Rows further apart have a gap between them; left out: twenty median steps."""

    @model_validator(mode="after")
    def _one_clock(self) -> SignalLog:
        if self.time is not None and self.rate_hz is not None:
            raise ValueError("time: and rate_hz: are two clocks; say one of them")
        return self


Share = Annotated[float, Field(ge=0, le=1)]


class EpisodeColumn(Spec):
    """A column of another lab's table of episodes. In short: the column's name alone.

    {column: minutes, unit: min}    {column: began, unit: iso8601, zone: Europe/Berlin}    {column: outcome, up_values: [ok]}
    """

    column: str = Field(min_length=1)
    unit: str = ""
    """Of numbers; `iso8601` for moments of date and time."""
    scale: float = 1.0
    """The unit's size of one count (frames: 0.0333)."""
    zone: Zone | None = None
    """Of stamps of date and time that carry none; left out: UTC."""
    up_values: Texts = ("true", "1", "1.0", "yes", "y", "success", "succeeded", "pass", "passed", "ok", "done")
    """Of yes and no: what stands for yes; upper and lower case alike."""
    down_values: Texts = ("false", "0", "0.0", "no", "n", "failure", "failed", "fail")
    above: float | None = None
    """Of yes and no that is a number (a score): yes where it is greater."""
    values: dict[str, str] = Field(default_factory=dict)
    """Of texts and symptoms: what each of theirs is called here (`E-Stop: protective_stop`)."""
    separator: str = ";"
    """Of symptoms, where one text holds several; a text that is empty holds none."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"column": str(value)} if isinstance(value, str | int) else value

    @field_validator("up_values", "down_values", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("unit")
    @classmethod
    def _known(cls, unit: str) -> str:
        if unit and unit != "iso8601" and unit not in UNITS:
            raise ValueError(f"unknown unit {unit!r}{nearest(unit, [*UNITS, 'iso8601'], what='units')}")
        return unit


class EpisodeLog(Dialect):
    """Episodes: a run folder (its events too), an episode table, another lab's table with the names of its `columns`, or a
    recording with the map that makes episodes of it.

    {kind: episodes, path: trials.csv, columns: {cell: robot, task: task, label: success, duration_s: {column: t, unit: min}}}
    """

    kind: Literal["episodes"]
    path: str | tuple[str, ...]
    """Several files, or a pattern, where `columns` are given."""
    format: Format | None = None
    columns: dict[str, EpisodeColumn] = Field(default_factory=dict)
    """Columns of the episode table that the log tells, each with its name there; one row an episode."""
    extra: dict[Name, EpisodeColumn] = Field(default_factory=dict)
    """What else success may hang on (`covariates` of the part `episodes`): numbers where they have a `unit` or a `scale`, or
    are such in the file; else texts."""
    map: str | None = None
    """A map file, or the name of one that ships."""
    share: tuple[Share, Share] = (0.0, 1.0)
    """Which of its episodes, in the order in which they began: `[0, 0.6]` is the first six tenths, `[0.6, 1]` the rest."""

    @field_validator("columns")
    @classmethod
    def _columns(cls, columns: dict[str, EpisodeColumn]) -> dict[str, EpisodeColumn]:
        for name in columns:
            if name not in EPISODE_COLUMNS:
                known = nearest(name, EPISODE_COLUMNS, what="columns")
                raise ValueError(f"the episode table has no column {name!r}{known}; what else there is goes under `extra`")
        return columns

    @field_validator("share")
    @classmethod
    def _rises(cls, share: tuple[float, float]) -> tuple[float, float]:
        if share[0] >= share[1]:
            raise ValueError("share is [from, to], and rises")
        return share

    @model_validator(mode="after")
    def _one_way(self) -> EpisodeLog:
        if self.map is not None and self.columns:
            raise ValueError("give columns (one row an episode) or a map (a recording), not both")
        if not self.columns and (self.extra or not isinstance(self.path, str)):
            raise ValueError("extra and several files go with columns")
        return self


class FailureLog(Dialect):
    """One row a failure of a robot: when it broke, and how long the repair took. Between them it operated.

    {kind: failures, path: failures.csv, robot: serial, at: {column: failed_at, unit: iso8601},
     repair: {column: minutes, unit: min}, watched: ["2025-01-01", "2026-01-01"], robots: [UR5-001, UR5-002]}
    """

    kind: Literal["failures"]
    path: str | tuple[str, ...]
    format: Format | None = None
    at: TimeMap
    robot: str | None = None
    """The column that names the robot; left out: all are of one."""
    component: str | None = None
    """The column that names what failed, each with a life of its own; left out, or empty in a row: the robot as a whole."""
    repair: ColumnMap | None = None
    """How long until it worked again; with neither this nor `back`: no time."""
    back: TimeMap | None = None
    """When it worked again, where the log says that instead; an empty one: not yet, or not noted."""
    watched: tuple[str | float, str | float] | None = None
    """From when to when robots were watched, as `at` counts (dates, or numbers in its unit): what ran on at the end counts as
    having run on. Left out: from the first failure of all to the last."""
    robots: tuple[str, ...] = ()
    """Who was watched and may not have failed at all; left out: those that failed."""
    duty: float = Field(default=1.0, gt=0, le=1)
    """Share of the time between repairs in which a robot operates: its hours count so much less."""

    @model_validator(mode="after")
    def _one_end(self) -> FailureLog:
        if self.repair is not None and self.back is not None:
            raise ValueError("give repair (how long) or back (when), not both")
        return self


class CallLog(Dialect):
    """One row a call for people: when it was made, when somebody was there, when the work was done.

    {kind: calls, path: calls.csv, pool: operators, sent: {column: called, unit: iso8601}, response: {column: seconds, unit: s}}
    """

    kind: Literal["calls"]
    path: str | tuple[str, ...]
    format: Format | None = None
    pool: str = "people"
    """Who is called, a key of the fleet's `people`; or `pool_column` names the column that says it."""
    pool_column: str | None = None
    person: str | None = None
    """The column that names who came; left out: nobody had to wait until somebody was free."""
    sent: TimeMap | None = None
    answered: TimeMap | None = None
    """When somebody was there; or `response`, how long that took. An empty one: nobody came."""
    response: ColumnMap | None = None
    done: TimeMap | None = None
    """When it was done (of a call that nobody answered: when it was given up); or `work`, how long that took."""
    work: ColumnMap | None = None

    @model_validator(mode="after")
    def _one_way(self) -> CallLog:
        if (self.answered is None) == (self.response is None):
            raise ValueError("give answered (when) or response (how long)")
        if self.done is not None and self.work is not None:
            raise ValueError("give done (when) or work (how long), not both")
        if self.sent is None and (self.answered is not None or self.done is not None):
            raise ValueError("moments of answers need sent, the moment of the call")
        return self


def _kind(value: Any) -> str:
    return str(value.get("kind", "signals") if isinstance(value, dict) else getattr(value, "kind", "signals"))


LogSpec = Annotated[
    Annotated[SignalLog, Tag("signals")]
    | Annotated[EpisodeLog, Tag("episodes")]
    | Annotated[FailureLog, Tag("failures")]
    | Annotated[CallLog, Tag("calls")],
    Discriminator(_kind),
]
