"""The journal: what a running farm must not lose, in one SQLite file.

Every S simulated seconds one transaction takes the events, the episodes, the chained hash and a snapshot. A process killed at
any moment leaves the last whole transaction behind (WAL), and the next run goes on from the newest snapshot.

One row holds all events of a commit, one text a line: JSON never contains a raw line feed, and 500 single rows would cost more
than the snapshot. Pages are large because a snapshot of megabytes is most of what is written.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import numpy as np

from twin.core.errors import RunFolderError, StorageError
from twin.core.records import SCHEMA, Event

FILE = "journal.sqlite"
KEPT = 2
"""Snapshots that are kept: the newest and, for `rewind`, the one before."""

_MAGIC = 0x7477696E
"""`twin` in ASCII, SQLite's application_id of our files."""

_PRAGMAS = (
    "PRAGMA page_size=65536",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=512",
    "PRAGMA journal_size_limit=67108864",
)
_TABLES = (
    """CREATE TABLE commits (
        n INTEGER PRIMARY KEY, t_us INTEGER NOT NULL, events INTEGER NOT NULL, episodes INTEGER NOT NULL,
        chain BLOB NOT NULL, event_lines TEXT NOT NULL, episode_lines TEXT NOT NULL)""",
    "CREATE TABLE snapshots (slot INTEGER PRIMARY KEY, n INTEGER NOT NULL, blob BLOB NOT NULL)",
)
_TICKS = "CREATE TABLE IF NOT EXISTS ticks (n INTEGER PRIMARY KEY, blob BLOB NOT NULL)"
"""Only in journals of runs that keep them."""
_REFUSED = ("full", "readonly", "disk i/o", "unable to open", "locked", "busy")
_LAST = "SELECT n, t_us, blob, chain FROM snapshots JOIN commits USING (n) WHERE t_us <= ? ORDER BY n DESC LIMIT 1"


class Snapshot(NamedTuple):
    """The state a run goes on from: `blob` as it was committed, `chain` the 16 bytes of the hash at `t_us`."""

    t_us: int
    blob: bytes
    chain: bytes


class Journal:
    """The journal of one run folder; opens the one that is there or creates both folder and file.

    Raises `RunFolderError` where another process holds the folder, or the file is damaged or of another version, and
    `StorageError` where the disk refuses; after that everything up to the last commit can still be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / FILE
        self._lock = _lock(self.folder)
        try:
            with self._explained("opened"):
                self._db = sqlite3.connect(self.path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            self._lock.close()
            raise

    def _prepare(self) -> None:
        with self._explained("opened"):
            for pragma in _PRAGMAS:
                self._db.execute(pragma).fetchall()
            if not self._value("SELECT count(*) FROM sqlite_master"):
                self._db.execute(f"PRAGMA application_id={_MAGIC}")
                with self._transaction():
                    for statement in _TABLES:
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version={SCHEMA}")
            ours = self._value("PRAGMA application_id") == _MAGIC
            version = self._value("PRAGMA user_version")
            damage = self._value("PRAGMA quick_check(1)") if ours and version == SCHEMA else ""
        if not ours:
            raise RunFolderError(self._damaged("it is no journal of the twin"))
        if version != SCHEMA:
            raise RunFolderError(
                f"{self.path}: journal of version {version}, this twin reads version {SCHEMA}; "
                f"finish that run with the twin that began it, or delete {self.folder} and start again"
            )
        if damage != "ok":
            raise RunFolderError(self._damaged(str(damage)))

    def commit(
        self,
        t_us: int,
        events: Sequence[Event | str],
        episodes: Sequence[Mapping[str, Any] | str],
        snapshot: bytes | None,
        chain: bytes,
        ticks: bytes = b"",
    ) -> None:
        """Keep all of it, or (with `StorageError`) none of it. Events and rows may be given as their text.

        Without a snapshot the events are kept, but a run resumes from the newest snapshot and makes them again.
        """
        lines = [e if isinstance(e, str) else e.canonical() for e in events]
        rows = [e if isinstance(e, str) else _row(e) for e in episodes]
        with self._explained("written"), self._transaction():
            n = int(self._value("SELECT coalesce(max(n), 0) FROM commits")) + 1
            record = (n, t_us, len(lines), len(rows), chain, "\n".join(lines), "\n".join(rows))
            self._db.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)", record)
            if snapshot is not None:
                slot = "SELECT slot FROM snapshots ORDER BY n DESC LIMIT 1"
                after = (int(self._value(slot) or 0) + 1) % KEPT
                self._db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (after, n, snapshot))
            if ticks:
                self._db.execute(_TICKS)
                self._db.execute("INSERT INTO ticks VALUES (?, ?)", (n, ticks))

    def last(self) -> Snapshot | None:
        """The newest snapshot, or None in a journal that has none yet."""
        with self._explained("read"):
            row = self._db.execute(_LAST, (2**62,)).fetchone()
        return Snapshot(*row[1:]) if row else None

    def rewind(self, t_us: int) -> Snapshot | None:
        """Forget what was committed after the newest snapshot at or before `t_us`: that snapshot, or None (all is gone)."""
        with self._explained("written"), self._transaction():
            row = self._db.execute(_LAST, (t_us,)).fetchone()
            n = row[0] if row else 0
            self._db.execute("DELETE FROM commits WHERE n > ?", (n,))
            self._db.execute("DELETE FROM snapshots WHERE n > ?", (n,))
            if self._has_ticks():
                self._db.execute("DELETE FROM ticks WHERE n > ?", (n,))
        return Snapshot(*row[1:]) if row else None

    def events(self) -> Iterator[str]:
        """Canonical texts of all events, in order."""
        return self._lines("event_lines")

    def episodes(self) -> Iterator[dict[str, Any]]:
        """All episode rows, in the order in which they ended."""
        return (json.loads(line) for line in self.episode_lines())

    def episode_lines(self) -> Iterator[str]:
        """The same rows as JSON texts."""
        return self._lines("episode_lines")

    def ticks(self) -> Iterator[bytes]:
        """What was committed of ticks, in order; one commit in memory at a time."""
        with self._explained("read"):
            kept = self._db.execute("SELECT n FROM ticks ORDER BY n").fetchall() if self._has_ticks() else []
        for (n,) in kept:
            with self._explained("read"):
                blob = bytes(self._db.execute("SELECT blob FROM ticks WHERE n = ?", (n,)).fetchone()[0])
            yield blob

    def _has_ticks(self) -> bool:
        return bool(self._value("SELECT count(*) FROM sqlite_master WHERE name = 'ticks'"))

    def close(self) -> None:
        """Fold the WAL into the file and let go of the folder. Never raises for a full disk: what is committed stays."""
        try:
            self._db.close()
        except sqlite3.Error:
            pass  # the WAL could not be folded in; it is read again when the journal is opened next
        finally:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lines(self, column: str) -> Iterator[str]:
        """Lines of all commits; one commit in memory at a time, and no cursor left open for a commit to trip over."""
        n = 0
        while True:
            with self._explained("read"):
                row = self._db.execute(f"SELECT n, {column} FROM commits WHERE n > ? ORDER BY n LIMIT 1", (n,)).fetchone()
            if row is None:
                return
            n = row[0]
            if row[1]:
                yield from row[1].split("\n")

    def _value(self, query: str) -> Any:
        row = self._db.execute(query).fetchone()
        return row[0] if row else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """SQLite's errors in our words: the disk refused, or the file is damaged."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = str(error)
            if isinstance(error, sqlite3.OperationalError) and any(word in text.lower() for word in _REFUSED):
                raise StorageError(
                    f"{self.path} cannot be {what}: {text}; make room or choose another --out. "
                    "What was committed is kept: the same command goes on from there"
                ) from error
            raise RunFolderError(self._damaged(text)) from error

    def _damaged(self, why: str) -> str:
        return f"{self.path} is damaged ({why}); delete {self.folder} and run again"


def _lock(folder: Path) -> IO[bytes]:
    """Hold the folder for this process alone; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "journal.lock").open("ab")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}; choose another --out") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise RunFolderError(
            f"{folder} is in use by another run; wait until that one has ended, or choose another --out"
        ) from error
    except OSError as error:
        file.close()
        raise StorageError(f"{folder} lies on a file system without locks ({error.strerror}); choose another --out") from error
    return file


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"an episode row cannot hold {type(value).__name__}")


_row = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain).encode
