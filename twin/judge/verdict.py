"""One word for a run: pass, fail, void or undecided, with the reasons. Nothing passes by doing nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from twin.judge.checks import CheckResult, counted, episodes
from twin.judge.columns import column, numbers, payload, rows
from twin.judge.words import several
from twin.log.tables import RunLog

WORDS: Mapping[str, int] = {"pass": 0, "fail": 1, "void": 3, "undecided": 4}
"""The verdicts and the exit status of each."""
WORST = ("fail", "void", "undecided", "pass")
"""Verdicts of several runs from the worst; together they are as good as the worst of them."""

MASKED = "was masked: nothing was exposed to it, or by chance none of that was hit"
VOID_SHARE = 0.005
"""A run in which the physics voided more than this share of its episodes says nothing."""

STILL_MPS = 0.02
"""A tool that never moves faster than this was not commanded (an arm that sags under its own weight stays below)."""


class Verdict(NamedTuple):
    """The word and why."""

    word: str
    reasons: tuple[str, ...]


def verdict(log: RunLog, results: Sequence[CheckResult], receipts: pd.DataFrame | None = None) -> Verdict:
    """The verdict of a run from its check results and the receipts of its faults (left out: those of the log).

    Void comes before fail: a run whose faults did nothing, or whose physics broke down, cannot be judged at all.
    """
    void = _void(log, log.receipts if receipts is None else receipts)
    if void:
        return Verdict("void", tuple(void))
    failed, filters = _failed(log, results), _filters(log)
    if failed:
        return Verdict("fail", (*failed, *filters))
    open_ = [f"{r.name}: {r.detail}" for r in results if r.passed is None]
    if open_:
        return Verdict("undecided", (*open_, *filters))
    but = [f"but {said}: `never: failed_filter` would fail the run" for said in filters]
    return Verdict("pass", (_held(log, results), *but))


def _held(log: RunLog, results: Sequence[CheckResult]) -> str:
    """What a pass rests on."""
    if not results:
        return f"{episodes(log)} episodes ran; the scenario asks for no check"
    chance = sum(result.by_chance for result in results)
    return f"all {len(results)} checks hold" + f", {chance} of them with an interval across the bound" * bool(chance)


def exit_status(word: str | Verdict) -> int:
    """The exit status of a verdict: pass 0, fail 1, void 3, undecided 4."""
    return WORDS[word.word if isinstance(word, Verdict) else word]


def voided(log: RunLog) -> int:
    """How many episodes the physics voided."""
    return len(log.episodes) - episodes(log)


def _void(log: RunLog, receipts: pd.DataFrame) -> list[str]:
    reasons: list[str] = []
    rows = zip(*(column(receipts, c, table="receipts") for c in ("fault", "target", "status", "must_act")), strict=True)
    for fault, target, status, must in rows:
        if status == "inert":
            reasons.append(f"fault {fault} on {target} was inert: it was applied and changed nothing")
        elif status in ("masked", "not_due") and must:
            word = MASKED if status == "masked" else "was not due before the run ended"
            reasons.append(f"fault {fault} on {target} must act but {word}")
    total, bad = len(log.episodes), voided(log)
    if total and bad > VOID_SHARE * total:
        reasons.append(f"the physics voided {bad} of {total} episodes ({bad / total:.1%}; at most {VOID_SHARE:.1%} may be)")
    return reasons


def _failed(log: RunLog, results: Sequence[CheckResult]) -> list[str]:
    reasons = [f"{r.name}: {r.detail} (bound {r.bound})" for r in results if r.passed is False]
    if not episodes(log):
        arrived = sum(1 for _ in rows(log.events, (), table="events", kinds=("job.arrived",)))
        reasons.append(f"no episode ran ({several(arrived, 'job')} arrived): a farm that does nothing cannot pass")
    elif _still(log):
        reasons.append(f"no robot moved faster than {STILL_MPS} m/s in any episode: a policy that commands nothing cannot pass")
    return reasons


def _filters(log: RunLog) -> list[str]:
    """What is worth a word though no check asks: filters that failed, and what the first of each said."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row, text in rows(log.events, ("payload",), table="events", kinds=("filter.failed",)):
        told = payload(text, row)
        name = str(told.get("filter"))
        counts[name] += 1
        first.setdefault(name, str(told.get("error")))
    return [f"filter {name} failed {several(n, 'time')} ({first[name]})" for name, n in sorted(counts.items())]


def _still(log: RunLog) -> bool:
    """Whether speeds were recorded and no episode has one."""
    if "peak_speed_mps" not in log.episodes.columns:
        return False
    known = False
    for part in counted(log, ("peak_speed_mps",)):
        speed = numbers(part, "peak_speed_mps", table="episodes")
        if (speed >= STILL_MPS).any():
            return False
        known = known or bool((speed < STILL_MPS).any())
    return known
