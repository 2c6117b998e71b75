"""Checks over a log, simulated or real: what was promised, what the log says, and which events or episodes show it.

A check passes (True), fails (False) or is undecided (None): where the thing it speaks of never happened, or too seldom for the
confidence asked for, nothing was shown. `docs/checks.md` says for each what its three answers mean.

    events.py     never, within                  episodes.py   success_rate, always, quantile
    amounts.py    rate, at_least                 baseline.py   not_worse_than, no_effect
    jobs.py       jobs
    holds.py      what a farm owes: stops, authority, calls, episodes
    result.py     what became of a check
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twin.core.errors import TableError
from twin.judge.checks import amounts, baseline, events, jobs
from twin.judge.checks import episodes as judged
from twin.judge.checks import holds as rules
from twin.judge.checks.events import BREACHES, MARK_KINDS, NEVER_KINDS
from twin.judge.checks.result import SHOWN, CheckResult, counted, episodes
from twin.judge.columns import refuse_nan
from twin.judge.spec import CheckSpec
from twin.log.tables import RunLog

__all__ = ["BREACHES", "MARK_KINDS", "NEVER_KINDS", "SHOWN", "CheckResult", "counted", "episodes", "evaluate"]

_JUDGES: Mapping[str, Callable[[Any, RunLog], CheckResult]] = {
    "success_rate": judged.success,
    "always": judged.always,
    "quantile": judged.quantile,
    "never": events.never,
    "within": events.within,
    "rate": amounts.rate,
    "at_least": amounts.at_least,
    "jobs": jobs.jobs,
    "holds": rules.holds,
}
_BESIDE: Mapping[str, Callable[[Any, RunLog, baseline.Baselines], CheckResult]] = {
    "not_worse_than": baseline.not_worse_than,
    "no_effect": baseline.no_effect,
}


def evaluate(checks: Sequence[CheckSpec], log: RunLog) -> list[CheckResult]:
    """The results of `checks` over a log, in their order.

    Raises `TableError` where the log holds NaN or lacks a column, `RunFolderError` for a baseline of another schema or that
    cannot be read. A baseline that is not there leaves its checks undecided.
    """
    refuse_nan(log)
    known = baseline.Baselines(log, checks)
    return [_one(check, log, known) for check in checks]


def _one(check: CheckSpec, log: RunLog, known: baseline.Baselines) -> CheckResult:
    kind = check.kind
    if kind in _JUDGES:
        return _JUDGES[kind](getattr(check, kind), log)
    if kind in _BESIDE:
        return _BESIDE[kind](getattr(check, kind), log, known)
    raise TableError(f"a check without a key judges nothing: give one of {', '.join((*_JUDGES, *_BESIDE))}")
