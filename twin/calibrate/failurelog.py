"""Logs of failures, a row each, with its date. They become what a log of episodes would tell: a robot that operates, breaks, is
mended and operates on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from twin.calibrate.episodelog import Episodes
from twin.calibrate.files import found
from twin.calibrate.logs import moments, numbers
from twin.calibrate.logspec import FailureLog, SignalLog
from twin.calibrate.readers import Raw, read_raw
from twin.calibrate.result import Finding
from twin.calibrate.units import UNITS
from twin.core.clock import to_us
from twin.core.errors import TableError
from twin.core.records import Event, Floats
from twin.log.columns import EVENTS, event_row, frame
from twin.log.episodes import episode_frame
from twin.log.mapspec import Dialect


def read_failures(name: str, spec: FailureLog, folder: Path) -> Episodes:
    """The log called `name`: an episode for every time between two repairs, an event for every failure and repair.

    Raises `TableError`: a failure outside of what was watched, or of a robot that was not; a repair shorter than no time.
    """
    robot, part, at, mends, digest = _rows(name, spec, folder)
    low, high = (at.min(), at.max()) if spec.watched is None else (_moment(name, spec, end) for end in spec.watched)
    if ((at < low) | (at > high)).any():
        row = int(np.argmax((at < low) | (at > high)))
        raise TableError(f"log {name!r}: the failure of row {row + 1} lies outside of `watched`")
    robots = spec.robots or tuple(sorted(set(robot)))
    if unknown := sorted(set(robot) - set(robots)):
        raise TableError(f"log {name!r}: {unknown[0]} failed, which `robots` does not name")
    if (mends < 0).any():
        raise TableError(f"log {name!r}: the repair of row {int(np.argmax(mends < 0)) + 1} is shorter than no time")
    lives = _Lives(spec)
    for one in robots:
        own = np.array([i for i, other in enumerate(robot) if other == one], dtype=int)
        own = own[np.argsort(at[own], kind="stable")]
        lives.add(one, at[own] - low, mends[own], [part[i] for i in own], float(high - low))
    findings, events = _unsaid(name, spec, lives), lives.table()
    components = {} if spec.component is None else {one: lives.table(one) for one in sorted(set(part))}
    return Episodes(name, folder, digest, episode_frame(lives.episodes), events, findings=findings, components=components)


def _unsaid(name: str, spec: FailureLog, lives: _Lives) -> tuple[Finding, ...]:
    """What a book of failures does not tell by itself, how it then is read, and rows that are counted once."""
    told = []
    if spec.watched is None:
        told.append("to begin with its first failure and to end with its last (say `watched: [from, to]`)")
    if spec.robot is not None and not spec.robots:
        told.append("to name every robot that was watched (say `robots: […]`: who never failed makes lives longer)")
    out = [f"it is taken {', and '.join(told)}"] if told else []
    if lives.twice:
        out.append(f"{lives.twice} rows say the same failure again; each is counted once")
    if lives.broken:
        out.append(f"{lives.broken} failures came before the repair of another was over; they are counted as part of it")
    return tuple(Finding("warning", f"log {name!r}: {text}") for text in out)


class _Lives:
    """Episodes and events of robots, one after the other."""

    def __init__(self, spec: FailureLog) -> None:
        self.spec = spec
        self.episodes: list[dict[str, object]] = []
        self.events: list[tuple[int, str, str, str, dict[str, object]]] = []
        self.twice = self.broken = 0

    def add(self, robot: str, at: Floats, mends: Floats, parts: list[str], until: float) -> None:
        """One that fails at `at` (n,) s by `parts` (n,), works again `mends` (n,) s later, and is watched for `until` s.

        NaN: not yet, where it is the last failure; where it failed again it worked by then, and how long it took is not known.
        """
        new = np.diff(at, prepend=-np.inf) > 0
        self.twice += int((~new).sum())
        at, mends, parts = at[new], mends[new], [part for part, once in zip(parts, new, strict=True) if once]
        back = 0.0
        for i, (t, mend, part) in enumerate(zip(at.tolist(), mends.tolist(), parts, strict=True)):
            if t < back:
                self.broken += 1
                back = back if np.isnan(mend) else max(back, t + mend)
                continue
            self._operates(robot, back, t, censored=False)
            again = np.isnan(mend) and i + 1 < at.size
            self._breaks(robot, part, t, mend, told=not again)
            if np.isnan(mend) and not again:
                return
            back = max(back, t if again else t + mend)
        if until > back:
            self._operates(robot, back, until, censored=True)

    def _operates(self, robot: str, back: float, end: float, *, censored: bool) -> None:
        """From when it worked again until `end`, for its share of that time: as if it had stood still first."""
        start = end - max(end - back, 0.0) * self.spec.duty
        known = {"episode": len(self.episodes), "source": "real", "schema": 1, "cell": robot, "robots": [robot]}
        self.episodes.append(known | {"start_s": start, "duration_s": end - start, "censored": censored})

    def _breaks(self, robot: str, part: str, t: float, mend: float, *, told: bool) -> None:
        page = {"page": len(self.events), "why": "repair", "pool": "repair", "person": "", "call": 1}
        self.events.append((to_us(t), "repair.start", robot, part, {"call": 1}))
        if (self.spec.repair or self.spec.back) is not None and told:
            self.events += [(to_us(t), kind, robot, part, page) for kind in ("page.sent", "page.answered")]
            self.events += [] if np.isnan(mend) else [(to_us(t + mend), "page.done", robot, part, page)]

    def table(self, part: str | None = None) -> pd.DataFrame:
        """The events as a table, in order of time: of one component, or of all."""
        own = sorted((e for e in self.events if part in (None, e[3])), key=lambda e: e[0])
        told = [Event(i, t, t, kind, None, robot, robot, None, None, None, payload)
                for i, (t, kind, robot, _, payload) in enumerate(own)]  # fmt: skip
        return frame(pa.Table.from_pylist([event_row(event) for event in told], schema=EVENTS))


def _rows(name: str, spec: FailureLog, folder: Path) -> tuple[list[str], list[str], Floats, Floats, str]:
    """Robot, component, moment (s), time until it worked again (s) of every row, in any order; what they came from."""
    dialect = {key: getattr(spec, key) for key in Dialect.model_fields}
    as_signals = SignalLog(path=spec.path, format=spec.format, **dialect)
    mends = spec.repair or spec.back
    wanted = [*spec.at.names, *(mends.names if mends else ()), *(column for column in (spec.robot, spec.component) if column)]
    robots: list[str] = []
    parts: list[str] = []
    times, lasts, digests = [], [], []
    for file in found(spec.path, folder):
        if _nothing(file, spec):
            if not (spec.watched and spec.robots):
                text = "nobody failed in it, which says something of robots that were watched only"
                raise TableError(f"{file}: {text}: give `watched: [from, to]` and `robots: […]`")
            digests.append(hashlib.sha256(file.read_bytes()).hexdigest())
            continue
        raw = read_raw(file, as_signals, wanted)
        t = moments(raw, spec.at)
        if np.isnan(t).any():
            raise TableError(f"{raw.place(int(np.argmax(np.isnan(t))))}, column {spec.at.names[0]!r}: no moment")
        robots += ["robot"] * raw.n if spec.robot is None else raw.texts(spec.robot).tolist()
        parts += [""] * raw.n if spec.component is None else [str(v or "").strip() for v in raw.values(spec.component)]
        times.append(t)
        lasts.append(_lasts(raw, spec, t))
        digests.append(raw.digest)
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return robots, parts, np.concatenate([*times, np.zeros(0)]), np.concatenate([*lasts, np.zeros(0)]), digest


def _lasts(raw: Raw, spec: FailureLog, at: Floats) -> Floats:
    """(n,) s from each failure until the robot worked again; NaN where that is not told."""
    if spec.back is not None:
        return moments(raw, spec.back) - at
    return np.zeros(raw.n) if spec.repair is None else numbers(raw, spec.repair)


def _nothing(file: Path, spec: FailureLog) -> bool:
    """A table of text with a header alone: nobody failed, which is something to know of robots that were watched."""
    if file.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    with file.open(encoding=spec.encoding, errors="replace") as lines:
        return sum(bool(line.strip()) for _, line in zip(range(1000), lines, strict=False)) <= 1 + spec.skip_lines


def _moment(name: str, spec: FailureLog, told: str | float) -> float:
    """One end of what was watched, s."""
    if isinstance(told, int | float):
        return float(told) * (UNITS[spec.at.unit][1] if spec.at.unit in UNITS else 1.0)
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        raise TableError(f"log {name!r}: watched: {told!r} is no date (2025-01-31, 2025-01-31 08:00)") from None
    here = ZoneInfo(spec.at.zone) if spec.at.zone else UTC
    return (moment if moment.tzinfo else moment.replace(tzinfo=here)).timestamp()
