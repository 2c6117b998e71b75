"""Who waited, and what was lost: two farms that ran the same seeds, with two schedulers or with anything else that differs.

One seed brings the same jobs at the same times to both, so that runs are paired by seed: of every measure the difference within
each pair is taken, and its mean with Student's interval over the pairs. The run is the unit of evidence, for jobs of one run
wait for one another. A job that still waits at the end counts with its wait so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from twin.core.errors import InputError
from twin.core.records import Floats
from twin.judge.accounting import account
from twin.judge.columns import US, duration_us, payload, rows
from twin.judge.facts import cause_words
from twin.judge.stats import Interval, benjamini_hochberg, paired
from twin.judge.tally import Tally, tally
from twin.judge.words import listed, unit
from twin.log.tables import RunLog

ALPHA = 0.05
Verdict = Literal["higher", "lower", "the same", "cannot tell"]
KINDS = ("job.arrived", "job.assigned", "job.returned", "job.done", "job.failed", "job.cancelled", "authority.granted",
         "authority.released", "authority.withdrawn")  # fmt: skip
NAMES = ("scenario", "about", "seed")
"""What two scenarios may be called by."""
PRACTICE = "practice"
"""Owner of the jobs that robots give themselves: nobody waits for them."""
QUANTILES = {"wait_p50_s": 0.5, "wait_p90_s": 0.9, "wait_p99_s": 0.99}
MEASURES: Mapping[str, tuple[str, str]] = {
    "jobs": ("jobs that came", ""),
    "wait_mean_s": ("mean wait until a robot begins", "s"),
    "wait_p50_s": ("median wait", "s"),
    "wait_p90_s": ("wait that one in ten exceeds", "s"),
    "wait_p99_s": ("wait that one in a hundred exceeds", "s"),
    "wait_max_s": ("longest wait", "s"),
    "waiting_at_end": ("never begun by the end", "%"),
    "done": ("done by the end", "%"),
    "failed": ("failed (deadline missed, or given up)", "%"),
    "returned": ("times that a lease ended before the job was done, per job", ""),
    "robot_time": ("share of all robot time that was given", "%"),
}
"""What is measured of a group of jobs, in words, and its unit."""
YIELD: Mapping[str, tuple[str, str]] = {
    "usable_per_robot_h": ("usable episodes per robot-hour", "/h"),
    "successes_per_robot_h": ("episodes labelled a success per robot-hour", "/h"),
    "success": ("success, as labelled", "%"),
    "utilisation": ("robot-hours in episodes", "%"),
}
"""What is measured of the farm, besides success at each site and the hours lost by cause."""
AT_SITE = "success at "


@dataclass
class Asked:
    """A job as the events tell it: when it came, was first begun and ended (µs; None: not yet), and what became of it."""

    owner: str
    task: str
    priority: int
    arrived_us: int
    begun_us: int | None = None
    ended_us: int | None = None
    state: str = "open"
    returned: int = 0
    robot_us: int = 0


@dataclass(frozen=True)
class Row:
    """One measure of one group: the means of both sides over the seeds, and the mean difference, second less first."""

    group: str
    key: str
    name: str
    unit: str
    first: Interval
    second: Interval
    difference: Interval
    p: float | None
    verdict: Verdict = "cannot tell"


@dataclass(frozen=True)
class Waiting:
    """Two farms beside each other. `waits`: group → the waits (s) of all jobs of each side, ascending."""

    names: tuple[str, str]
    seeds: tuple[int, ...]
    differs: tuple[str, ...]
    rows: tuple[Row, ...]
    waits: Mapping[str, tuple[list[float], ...]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data; what is not known is None."""
        told = [
            {"group": r.group, "measure": r.key, "name": r.name, "unit": r.unit, "verdict": r.verdict, "p_adjusted": r.p}
            | {side: getattr(r, side)._asdict() for side in ("first", "second", "difference")}
            for r in self.rows
        ]
        return {"first": self.names[0], "second": self.names[1], "seeds": list(self.seeds), "differs": list(self.differs),
                "alpha": ALPHA, "rows": told}  # fmt: skip

    def sentence(self) -> str:
        """What the second does otherwise than the first, as far as it is shown."""
        if len(self.seeds) < 2:
            return "One seed says nothing of another: give more seeds for intervals."
        apart = [row for row in self.rows if row.verdict in ("higher", "lower")]
        waits = [f"{row.group} {_moved(row)}" for row in apart if row.key == "wait_mean_s"]
        lost = [f"{row.name.removeprefix('robot-hours lost: ')} {_moved(row)}" for row in apart if row.group == "the farm"]
        told = [f"mean wait of {listed(waits)}"] * bool(waits) + [f"of the farm {listed(lost)}"] * bool(lost)
        head = f"With {self.names[1]} instead of {self.names[0]}, over {len(self.seeds)} seeds"
        return f"{head}: {'; '.join(told)}." if told else f"{head}, no difference of waits or yield is shown."


def _moved(row: Row) -> str:
    return f"{unit(row.first.value, row.unit)} → {unit(row.second.value, row.unit)}"


def asked(log: RunLog) -> list[Asked]:
    """The jobs of a run, in the order in which they came."""
    jobs: dict[str, Asked] = {}
    held: dict[str, tuple[str, int]] = {}
    end = duration_us(log)
    names = ("t_us", "kind", "cell", "job", "payload")
    for row, t, kind, cell, name, text in rows(log.events, names, table="events", kinds=KINDS):
        if kind == "job.arrived":
            said = payload(text, row)
            jobs[name] = Asked(str(said.get("owner") or ""), str(said["task"]), int(said.get("priority") or 0), t)
        elif kind == "authority.granted":
            held[cell] = (name, t)
        elif kind.startswith("authority."):
            who, since = held.pop(cell, (None, t))
            if who in jobs:
                jobs[who].robot_us += t - since
        elif name in jobs:
            _turn(jobs[name], kind, t)
    for who, since in held.values():
        if who in jobs:
            jobs[who].robot_us += end - since
    return [job for job in jobs.values() if job.owner != PRACTICE]


def _turn(job: Asked, kind: str, t: int) -> None:
    if kind == "job.assigned":
        job.begun_us = t if job.begun_us is None else job.begun_us
    elif kind == "job.returned":
        job.returned += 1
    else:
        job.state, job.ended_us = kind.removeprefix("job."), t


def compare(first: Sequence[RunLog], second: Sequence[RunLog], names: tuple[str, str] | None = None) -> Waiting:
    """Two farms by the seeds that both ran. Raises `InputError` where there are none, or a side ran one twice."""
    sides = [_by_seed(logs) for logs in (first, second)]
    seeds = sorted(seed for seed in sides[0] if seed in sides[1])
    if not seeds:
        told = [listed(str(seed) for seed in side) for side in sides]
        raise InputError(f"the two farms have no seed in common (the first ran {told[0]}, the second {told[1]})")
    logs = [[side[seed] for seed in seeds] for side in sides]
    called = names or _names(logs[0][0], logs[1][0])
    jobs = [[asked(log) for log in side] for side in logs]
    ends = [duration_us(log) for log in logs[0]]
    groups = _groups([job for side in jobs for run in side for job in run])
    drafts = []
    for name, group in groups.items():
        of_group = [[measured(_of(group, run), run, end) for run, end in zip(side, ends, strict=True)] for side in jobs]
        drafts += _rows(name, MEASURES, of_group)
    drafts += _farm([[_lost(log) for log in side] for side in logs])
    waits = {name: tuple(_pooled(group, side, ends) for side in jobs) for name, group in groups.items()}
    return Waiting(called, tuple(seeds), tuple(what_differs(logs[0][0], logs[1][0])), tuple(_judged(drafts)), waits)


def _by_seed(logs: Sequence[RunLog]) -> dict[int, RunLog]:
    out: dict[int, RunLog] = {}
    for log in logs:
        seed = int(log.meta.get("seed") or 0)
        if seed in out:
            twice = f"{out[seed].folder.name} and {log.folder.name}"
            raise InputError(f"seed {seed} is there twice ({twice}): a side is the runs of one scenario")
        out[seed] = log
    return out


def _names(first: RunLog, second: RunLog) -> tuple[str, str]:
    """What to call two farms: by their schedulers where these differ, else by their scenarios."""
    kinds = [str((_spec(log).get("scheduler") or {}).get("kind") or "") for log in (first, second)]
    if all(kinds) and kinds[0] != kinds[1]:
        return kinds[0], kinds[1]
    names = [str(log.meta.get("scenario")) for log in (first, second)]
    return (names[0], names[1]) if names[0] != names[1] else (f"{names[0]} (first)", f"{names[1]} (second)")


def _spec(log: RunLog) -> dict[str, Any]:
    return dict((log.meta.get("stored") or {}).get("spec") or {})


def what_differs(first: RunLog, second: RunLog) -> list[str]:
    """Every value in which the two scenarios differ: `scheduler.kind: fifo → fair_share`."""
    said = [{key: value for key, value in _spec(log).items() if key not in NAMES} for log in (first, second)]
    told = [dict(_flat(spec)) for spec in said]
    paths = [path for path in dict.fromkeys((*told[0], *told[1])) if told[0].get(path) != told[1].get(path)]
    return [f"{path}: {told[0].get(path, '—')} → {told[1].get(path, '—')}" for path in paths]


def _flat(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _flat(value, f"{path}[{i}]")
    else:
        yield path, data


def _groups(jobs: Sequence[Asked]) -> dict[str, tuple[str, Any]]:
    """Name → (attribute, value): all jobs, then by owner, task and priority where there are several."""
    out: dict[str, tuple[str, Any]] = {"all jobs": ("", None)}
    told: dict[tuple[bool, ...], None] = {}
    for name in ("owner", "task", "priority"):
        for value in sorted({getattr(job, name) for job in jobs}):
            members = tuple(getattr(job, name) == value for job in jobs)
            if not all(members) and members not in told:  # the same jobs under another name say nothing new
                told[members] = None
                out[f"{name} {value}" if value != "" else f"no {name}"] = (name, value)
    return out


def _of(group: tuple[str, Any], jobs: Sequence[Asked]) -> list[Asked]:
    return [job for job in jobs if not group[0] or getattr(job, group[0]) == group[1]]


def _wait_s(job: Asked, end_us: int) -> float:
    until = job.begun_us if job.begun_us is not None else job.ended_us if job.ended_us is not None else end_us
    return (until - job.arrived_us) / US


def _pooled(group: tuple[str, Any], runs: Sequence[Sequence[Asked]], ends: Sequence[int]) -> list[float]:
    """The waits of a group in all runs, s, ascending."""
    return sorted(_wait_s(job, end) for run, end in zip(runs, ends, strict=True) for job in _of(group, run))


Figures = dict[str, float | None]


def measured(jobs: Sequence[Asked], all_: Sequence[Asked], end_us: int) -> Figures:
    """Every measure of a group of one run's jobs; None where there is nothing to measure."""
    n = len(jobs)
    out: Figures = dict.fromkeys(MEASURES) | {"jobs": float(n)}
    if not n:
        return out
    waits = np.array([_wait_s(job, end_us) for job in jobs])
    out |= {"wait_mean_s": float(waits.mean()), "wait_max_s": float(waits.max())}
    out |= {key: float(np.quantile(waits, q)) for key, q in QUANTILES.items()}
    out["waiting_at_end"] = sum(job.state == "open" and job.begun_us is None for job in jobs) / n
    out |= {state: sum(job.state == state for job in jobs) / n for state in ("done", "failed")}
    out["returned"] = sum(job.returned for job in jobs) / n
    given = sum(job.robot_us for job in all_)
    out["robot_time"] = sum(job.robot_us for job in jobs) / given if given else None
    return out


def _lost(log: RunLog) -> Figures:
    """What the farm yielded, and the share of robot-hours lost by each cause."""
    books = account(log)
    hours = books.total_us / US / 3600
    told = tally(log.episodes, ("usable", "label", "site", "end_reason")).without(end_reason="void")
    known = {name: told.without(**{name: None}).total for name in ("usable", "label")}
    out: Figures = {"success": _share(told)}
    for name, of in (("usable_per_robot_h", "usable"), ("successes_per_robot_h", "label")):
        out[name] = told.of(**{of: True}) / hours if known[of] and hours else None
    sites = told.by("site")
    out |= {f"{AT_SITE}{site}": _share(mine) for site, mine in sites.items()} if len(sites) > 1 else {}
    out["utilisation"] = books.by_state()["episode"] / books.total_us if books.total_us else None
    for cause, us in books.lost_us().items():
        out[f"lost {cause}"] = us / books.total_us
    return out


def _share(told: Tally) -> float | None:
    n = told.without(label=None).total
    return told.of(label=True) / n if n else None


def _farm(sides: Sequence[Sequence[Figures]]) -> list[Row]:
    """The rows of the farm; a cause that one run never met took nothing from it."""
    causes = sorted({key for side in sides for run in side for key in run if key.startswith("lost ")})
    sites = sorted({key for side in sides for run in side for key in run if key.startswith(AT_SITE)})
    words = (
        dict(YIELD)
        | {key: (key, "%") for key in sites}
        | {key: (f"robot-hours lost: {cause_words(key.removeprefix('lost '))}", "%") for key in causes}
    )
    nothing: Figures = dict.fromkeys(sites) | dict.fromkeys(causes, 0.0)
    whole = [[nothing | run for run in side] for side in sides]
    return _rows("the farm", words, whole)


def _rows(group: str, words: Mapping[str, tuple[str, str]], sides: Sequence[Sequence[Figures]]) -> list[Row]:
    """A row for each measure that both sides have."""
    out = []
    for key, (name, of) in words.items():
        first, second = ([run[key] for run in side] for side in sides)
        both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
        if not both or (key == "robot_time" and group == "all jobs"):
            continue
        one, other = (np.array(side, dtype=float) for side in zip(*both, strict=True))
        gap, p = paired(other - one)
        out.append(Row(group, key, name, of, _amount(one), _amount(other), gap, p))
    return out


def _amount(values: Floats) -> Interval:
    """The mean over the seeds of what is never below nothing."""
    told = paired(values)[0]
    return told if told.low is None else told._replace(low=max(0.0, told.low))


def _judged(drafts: Sequence[Row]) -> list[Row]:
    """Verdicts, p-values adjusted for the number of measures (Benjamini and Hochberg)."""
    adjusted = benjamini_hochberg([row.p for row in drafts])
    return [replace(row, p=p, verdict=_verdict(row, p)) for row, p in zip(drafts, adjusted, strict=True)]


def _verdict(row: Row, p: float | None) -> Verdict:
    gap = row.difference
    if gap.value == 0 and gap.low in (0, None) and gap.high in (0, None):
        return "the same"
    if p is None or p > ALPHA or gap.value is None:
        return "cannot tell"
    return "higher" if gap.value > 0 else "lower"
