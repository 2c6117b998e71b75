"""`MapSpec`: how a foreign log becomes the episode table, declared in YAML.

map: my_cell
separator: ";"
time: {column: Timestamp, zone: Europe/Berlin}
hole_s: 5
starts: {column: cycle, each: change}
symptoms:
  protective_stop: {column: Robot_ProtectiveStop, nan: ignore}
constants: {robot_model: ur3, task: pick_place, mode: script}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from twin.core.assets import named, names
from twin.core.errors import AssetError, Problem, SpecError, nearest
from twin.core.spec import Spec
from twin.core.yaml import Document, Loc, read

NanPolicy = Literal["refuse", "hole", "ignore"]
"""A blank cell: refuse the log; treat its row as a hole in the recording; or go on without its value (unknown, never false)."""


def _text(value: Any) -> Any:
    """Values of a column are compared as text; YAML may have read them as something else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Texts = tuple[Annotated[str, BeforeValidator(_text)], ...]


def _time_zone(name: str) -> str:
    """A name that is one of a time zone. Raises `ValueError`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write UTC or a name such as Europe/Berlin") from error
    return name


Zone = Annotated[str, AfterValidator(_time_zone)]
"""The name of a time zone."""


class Column(Spec):
    """A column of the log by its trimmed name, and what a blank in it means."""

    column: str = Field(min_length=1)
    nan: NanPolicy = "refuse"


class TimeColumn(Column):
    """When a row was taken."""

    format: str = "iso8601"
    """`iso8601`; `unix_s`, `unix_ms`, `unix_us` since 1970; `seconds` since anything; or a pattern (`%d.%m.%Y %H:%M:%S`)."""
    zone: Zone | None = None
    """The time zone of stamps that carry none (`UTC`, `Europe/Berlin`)."""


class Flag(Column):
    """A column that is up or down. With `above` it is a number, up where it is greater."""

    up_values: Texts = ("true", "1", "yes")
    down_values: Texts = ("false", "0", "no")
    above: float | None = None


class Starts(Flag):
    """What makes rows an episode.

    `change`: the value of the column differs from the row before. `value`: rows of one value belong together even where others
    lie between (a cycle number). `edge`: the flag rises. `level`: while the flag is up.
    """

    each: Literal["change", "value", "edge", "level"] = "change"
    idle_values: Texts = ()
    """With `change` and `value`: values that stand for no episode at all."""


class Symptom(Flag):
    """A flag that tells of trouble. An episode has it where any of its rows is up (`level`), or where it rises (`onset`)."""

    when: Literal["level", "onset"] = "level"


class Label(Spec):
    """Whether an episode succeeded: by a flag of the log, or because it shows none of the symptoms in `none_of`."""

    column: str | None = None
    up_values: Texts = Flag.model_fields["up_values"].default
    down_values: Texts = Flag.model_fields["down_values"].default
    above: float | None = None
    nan: NanPolicy = "refuse"
    rows: Literal["last", "any", "all"] = "last"
    none_of: tuple[str, ...] | None = Field(default=None, min_length=1)
    source: Literal["physics", "detector", "operator", "audit"]

    @model_validator(mode="after")
    def _one(self) -> Label:
        if (self.column is None) == (self.none_of is None):
            raise ValueError("needs exactly one of column, none_of")
        return self

    def flag(self) -> Flag | None:
        """The column that holds the label, if one does."""
        if self.column is None:
            return None
        shared = {name: getattr(self, name) for name in Flag.model_fields}
        return Flag.model_construct(**shared)


class Peak(Column):
    """The largest magnitude of a column in an episode, times `scale` (to SI)."""

    scale: float = 1.0


class Constants(Spec):
    """Columns of the episode table that are the same for the whole log."""

    run: str | None = None
    fleet: str | None = None
    site: str | None = None
    cell: str | None = None
    robots: tuple[str, ...] | None = None
    robot_model: str | None = None
    task: str | None = None
    instruction: str | None = None
    scene: str | None = None
    mode: Literal["policy", "teleop", "script"] | None = None
    policy: str | None = None
    policy_version: str | None = None
    stack_version: str | None = None
    collector: str | None = None
    data_uri: str | None = None


class Dialect(Spec):
    """How delimited text is written."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8-sig"
    skip_lines: int = Field(default=0, ge=0)
    """Lines before the header."""
    blank_values: Texts = ("nan", "na", "n/a", "null", "none")
    """What stands for nothing, besides nothing; upper and lower case alike."""

    @field_validator("encoding")
    @classmethod
    def _codec(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError(f"{encoding!r} is no encoding Python knows; try utf-8-sig, utf-16 or cp1252") from error
        return encoding


class MapSpec(Dialect):
    """How to read a delimited log, and what in it is an episode."""

    map: str = Field(pattern=r"^[A-Za-z][\w-]*$")
    about: str = ""
    time: TimeColumn
    hole_s: float | None = Field(default=None, gt=0)
    """Rows further apart than this have a hole between them; left out: five times the median step."""
    starts: Starts
    ends: Literal["last_row", "next_row"] = "next_row"
    """Where an episode ends: at its last row (short by up to one step), or at the first row that is no longer its own."""
    symptoms: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Symptom] = Field(default_factory=dict)
    label: Label | None = None
    peaks: dict[Literal["peak_force_N", "peak_speed_mps"], Peak] = Field(default_factory=dict)
    constants: Constants = Constants()

    @model_validator(mode="after")
    def _symptoms_known(self) -> MapSpec:
        wanted = (self.label.none_of or ()) if self.label else ()
        if unknown := [name for name in wanted if name not in self.symptoms]:
            raise ValueError(f"label.none_of: no symptom {unknown[0]!r}{nearest(unknown[0], self.symptoms)}")
        return self

    def columns(self) -> Iterator[Column | Flag]:
        """Every column of the log that the map uses."""
        yield self.time
        yield self.starts
        yield from self.symptoms.values()
        if self.label and (flag := self.label.flag()):
            yield flag
        yield from self.peaks.values()


def load_map(mapping: str | Path) -> MapSpec:
    """A map by its path, or by its name where it ships. Raises `SpecError` with all mistakes, or `AssetError`."""
    path = Path(mapping)
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise AssetError(
                f"{mapping}: no such map file; shipped maps, by name: {', '.join(names('maps', '.yaml')) or 'none'}"
            )
        path = named("maps", str(mapping), ".yaml")
    document = read(path)
    if document.problems:
        raise SpecError(document.problems)
    try:
        return MapSpec.model_validate(document.data)
    except ValidationError as error:
        raise SpecError([_problem(document, dict(item)) for item in error.errors()]) from error


def _problem(document: Document, item: dict[str, Any]) -> Problem:
    loc: Loc = item["loc"]
    place = loc[:-1] if loc and loc[-1] == "[key]" else loc
    where = ".".join(str(part) for part in loc)
    if item["type"] == "extra_forbidden":
        message = f"unknown key {str(loc[-1])!r}{nearest(str(loc[-1]), _keys(loc[:-1]), what='keys here')}"
    elif item["type"] == "missing":
        message = f"{where} is missing"
    else:
        message = (
            f"{where}: {item['msg'].removeprefix('Value error, ')}" if where else item["msg"].removeprefix("Value error, ")
        )
    return document.at(place, message, key=item["type"] == "extra_forbidden")


def _keys(loc: Loc) -> Iterable[str]:
    """The keys that a mapping of the map may have."""
    rooms: dict[str, type[Spec]] = {
        "time": TimeColumn, "starts": Starts, "symptoms": Symptom, "label": Label, "peaks": Peak, "constants": Constants
    }  # fmt: skip
    return (rooms[str(loc[0])] if loc else MapSpec).model_fields
