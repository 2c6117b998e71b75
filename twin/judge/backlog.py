"""What waited for its upload on the disks of each site, over time, against what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.judge.columns import US, duration_us, payload, rows
from twin.judge.tally import tally
from twin.log.tables import RunLog

COLUMNS = 240
"""Points of a curve: each the most that waited in its part of the run."""


@dataclass(frozen=True)
class Backlog:
    """One site. `curve`: (hours, % of all its disks together); `peak` the highest share, from `peak_h` on; `full_h` hours in
    which a cell had no room for a usual episode, added up over cells; `lost` episodes for which there was none."""

    site: str
    cells: int
    limit_gb: float
    curve: tuple[tuple[float, float], ...]
    peak: float
    peak_h: float
    full_h: float
    lost: int

    @property
    def peak_gb(self) -> float:
        """The most that waited on all disks together."""
        return self.peak * self.limit_gb


@dataclass
class _Site:
    """A site while the events pass by: what each cell was last told to hold, and the most in each column."""

    held: dict[str, float] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)
    full_s: dict[str, float] = field(default_factory=dict)
    most: dict[int, float] = field(default_factory=dict)
    last: dict[int, float] = field(default_factory=dict)
    peak: tuple[float, int] = (0.0, 0)


def backlog(log: RunLog) -> list[Backlog]:
    """The sites of a run whose disks have a limit; none where no log tells of disks."""
    width, sites = max(1, duration_us(log) // COLUMNS), dict[str, _Site]()
    names = ("t_us", "site", "cell", "payload")
    for row, t, name, cell, text in rows(log.events, names, table="events", kinds=("data.backlog",)):
        said, site = payload(text, row), sites.setdefault(str(name), _Site())
        site.held[cell], site.limit[cell], site.full_s[cell] = said["mb"], said["limit_mb"], said["full_s"]
        waits, at = sum(site.held.values()), min(t // width, COLUMNS - 1)
        site.most[at], site.last[at] = max(waits, site.most.get(at, 0.0)), waits
        site.peak = max(site.peak, (waits, -t))
    lost = tally(log.episodes, ("site", "reject_reason")).only(reject_reason="disk_full") if sites else None
    return [_told(name, site, width, lost.of(site=name) if lost else 0) for name, site in sorted(sites.items())]


def _told(name: str, site: _Site, width: int, lost: int) -> Backlog:
    limit, before, curve = sum(site.limit.values()), 0.0, []
    for column in range(COLUMNS):
        most = max(before, site.most.get(column, before))
        before = site.last.get(column, before)
        curve.append(((column + 0.5) * width / US / 3600, 100 * most / limit))
    most, since = site.peak
    full_h = sum(site.full_s.values()) / 3600
    return Backlog(name, len(site.limit), limit / 1000, tuple(curve), most / limit, -since / US / 3600, full_h, lost)
