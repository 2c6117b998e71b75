"""What became of a suite's units, as a table that does not depend on who ran them in which order."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from twin.core.errors import RunFolderError
from twin.judge.verdict import WORDS
from twin.log.tables import read_meta, replacing
from twin.run import folder_name
from twin.suite.plan import Unit

SCHEMA = 1
FILE = "suite.json"
ASKED = "asked.json"

STATUS: Mapping[str, int] = {**WORDS, "lost": 1, "refused": 2}
"""Exit status by what became of a unit. `lost`: its worker died, hung or met a bug; `refused`: a message says why."""

WORST = ("lost", "fail", "refused", "void", "undecided", "pass")
"""From the worst; a suite's word is that of its worst unit."""

KEYS = ("verdict", "reasons", "checks", "hash", "wall_s", "sim_s", "robot_s", "resumed_from_s")


@dataclass(frozen=True)
class Row:
    """What became of one unit. `path` is how a user names its scenario, `file` where that lies; `verdict` is a key of
    `STATUS`; `hash` and `folder` are null where there is no finished run."""

    scenario: str
    seed: int
    engine: str
    path: str
    file: str
    sha256: str
    key: str
    verdict: str
    reasons: tuple[str, ...]
    reproduce: str
    hash: str | None = None
    folder: str | None = None
    checks: tuple[Mapping[str, Any], ...] = ()
    wall_s: float | None = None
    sim_s: float | None = None
    robot_s: float | None = None
    resumed_from_s: float | None = None
    stored: bool = field(default=False, compare=False)
    """Whether it was already there."""

    @property
    def status(self) -> int:
        """Its exit status."""
        return STATUS[self.verdict]

    @property
    def file_from_here(self) -> str:
        """Its file relative to where the command was given, if it lies below; as CI pages name files."""
        return str(Path(self.file).relative_to(Path.cwd())) if Path(self.file).is_relative_to(Path.cwd()) else self.file

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"status": self.status}


@dataclass(frozen=True)
class Results:
    """All rows, sorted by scenario and seed."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Results:
        """Results from rows in any order."""
        return cls(tuple(sorted(rows, key=lambda row: (row.scenario, row.seed, row.engine))))

    @property
    def counts(self) -> dict[str, int]:
        """How many units became what, the worst first; what did not happen is left out."""
        found = Counter(row.verdict for row in self.rows)
        return {word: found[word] for word in WORST if found[word]}

    @property
    def verdict(self) -> str:
        """The word of the worst unit; of nothing: undecided."""
        return next(iter(self.counts), "undecided")

    @property
    def status(self) -> int:
        """The exit status: 1 any fail or lost, else 2 any refused, else 3 any void, else 4 any undecided, else 0."""
        return STATUS[self.verdict]

    @property
    def hash(self) -> str:
        """sha256 over what every unit was and became; the same for any number of workers, any order and any folder."""
        lines = [f"{r.scenario} {r.seed} {r.engine} {r.sha256} {r.key} {r.hash} {r.verdict}" for r in self.rows]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def bad(self) -> list[Row]:
        """The rows that did not pass, the worst first."""
        return sorted((row for row in self.rows if row.verdict != "pass"), key=lambda row: WORST.index(row.verdict))

    def as_dict(self) -> dict[str, Any]:
        """Plain data: verdict, status, counts, hash, units."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "status": self.status,
            "counts": self.counts,
            "hash": self.hash,
            "units": [row.as_dict() for row in self.rows],
        }


def finished(unit: Unit, out: Path) -> Row | None:
    """The row of a unit whose finished run lies under `out`, or None where it has to be run.

    A folder that does not read, or is of something else, counts as none: the run says what is wrong with it.
    """
    folder = unit.home(out) / folder_name(unit.scenario)
    if not (folder / "run.json").is_file():
        return None
    try:
        meta = read_meta(folder)
    except RunFolderError:
        return None
    scenario = unit.scenario
    wanted = (scenario.digest, scenario.seed, scenario.engine, dict(scenario.code), dict(scenario.assets))
    if tuple(meta.get(key) for key in ("sha256", "seed", "engine", "code", "assets")) != wanted:
        return None
    return row(unit, folder, {key: meta.get(key) for key in KEYS}, stored=True)


def row(unit: Unit, folder: Path | None, found: Mapping[str, Any], *, stored: bool = False) -> Row:
    """The row of a unit from what its run.json says (`KEYS`), or from `verdict` and `reasons` alone."""
    scenario = unit.scenario
    rest = {key: found.get(key) for key in ("hash", "wall_s", "sim_s", "robot_s", "resumed_from_s")}
    return Row(
        scenario=scenario.name,
        seed=scenario.seed,
        engine=scenario.engine,
        path=unit.shown,
        file=str(scenario.path),
        sha256=scenario.digest,
        key=unit.key,
        verdict=found["verdict"],
        reasons=tuple(found.get("reasons") or ()),
        reproduce=unit.reproduce,
        folder=None if folder is None else str(folder),
        checks=tuple(found.get("checks") or ()),
        stored=stored,
        **rest,
    )


def begin(out: Path, asked: Mapping[str, Any]) -> None:
    """Note what a suite was asked to run, and do away with what the last one found: it must not look like this one's."""
    write_text(out / ASKED, json.dumps({"schema": SCHEMA, "asked": dict(asked)}, ensure_ascii=False) + "\n")
    (out / FILE).unlink(missing_ok=True)


def write(results: Results, out: Path) -> Path:
    """suite.json: what came of it; returns its path."""
    return write_text(out / FILE, json.dumps(results.as_dict(), indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> Path:
    """A text file, all or nothing; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temp:
        temp.write_text(text, encoding="utf-8")
    return path


def asked_last(out: Path) -> Mapping[str, Any]:
    """What the last suite under `out` was asked to run. Raises `RunFolderError` where there was none."""
    path = out / ASKED
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        asked: Mapping[str, Any] = kept["asked"]
        version = kept["schema"]
    except FileNotFoundError as error:
        raise RunFolderError(f"{out}: no suite was begun here; name the scenarios to run") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{path} cannot be read ({error}); name the scenarios to run") from error
    if version != SCHEMA:
        raise RunFolderError(f"{path} is of schema {version!r}, this twin reads {SCHEMA}; name the scenarios to run")
    return asked


def share(counts: Mapping[str, int]) -> str:
    """`2 fail, 1 void, 97 pass`."""
    return ", ".join(f"{n} {word}" for word, n in counts.items()) or "nothing ran"


def failed_checks(found: Row) -> Sequence[Mapping[str, Any]]:
    """The checks of a row that do not hold."""
    return [check for check in found.checks if check.get("passed") is not True]
