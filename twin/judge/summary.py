"""A finished run in a few lines, for the terminal and for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.core.records import RECEIPT_STATUS
from twin.judge.columns import US, column
from twin.judge.facts import cause_words, gather
from twin.judge.stats import Interval
from twin.judge.words import between, count, listed, num, pct, unit
from twin.log.tables import RunLog

HOUR_US = 3600 * US


def summarise(log: RunLog) -> dict[str, Any]:
    """What a run came to, as plain data: the verdict and checks of its run.json, and what its tables say.

    Intervals are `{value, low, high, n}`; what is not known is None. Hours are h.
    """
    facts = gather(log)
    statuses = column(log.receipts, "status", table="receipts")
    return {
        "run": log.folder.name,
        "verdict": log.meta.get("verdict"),
        "reasons": list(log.meta.get("reasons") or []),
        "checks": list(log.meta.get("checks") or []),
        "tier": log.meta.get("tier"),
        "hash": log.meta.get("hash"),
        "robots": len(facts.books.cells),
        "sim_s": facts.books.duration_us / US,
        "episodes": facts.episodes,
        "voided": facts.voided,
        "censored": facts.censored,
        "success": _plain(facts.success),
        "usable": facts.usable,
        "usable_per_robot_h": _plain(facts.usable_per_robot_h),
        "usable_per_human_h": facts.usable_per_human_h,
        "utilisation": facts.utilisation,
        "robot_h": facts.books.total_us / HOUR_US,
        "human_h": facts.human_h,
        "lost_h": {cause: us / HOUR_US for cause, us in facts.books.lost_us().items()},
        "receipts": {status: statuses.count(status) for status in RECEIPT_STATUS},
    }


def _plain(interval: Interval) -> dict[str, Any]:
    return dict(zip(("value", "low", "high", "n"), interval, strict=True))


def as_text(told: Mapping[str, Any]) -> str:
    """The summary that `summarise` made, as lines for a terminal."""
    success, rate = Interval(**told["success"]), Interval(**told["usable_per_robot_h"])
    lines = [f"{told['run']}: {told['verdict'] or 'not judged'}"]
    for check in told["checks"]:
        mark = {True: "holds", False: "FAILS", None: "open "}[check["passed"]]
        lines.append(f"  {mark}  {check['name']} ({check['bound']}): {check['detail']}")
    lines += [f"  {reason}" for reason in told["reasons"]]
    lost = [f"{cause_words(cause)} {unit(h, 'h', 2)}" for cause, h in told["lost_h"].items()]
    acted = [f"{n} {status.replace('_', ' ')}" for status, n in told["receipts"].items() if n]
    rows = {
        "episodes": f"{count(told['episodes'])} ({told['censored']} cut off by the end, {told['voided']} voided)",
        "success": f"{pct(success.value)} ({between(success, '%')}, n {count(success.n)})",
        "usable": f"{num(rate.value)} a robot-hour, {num(told['usable_per_human_h'])} a human-hour",
        "in episodes": f"{pct(told['utilisation'])} of {unit(told['robot_h'], 'robot-hours')}",
        "lost": ", ".join(lost[:4]) or "nothing",
        "faults": listed(acted) or "none injected",
    }
    return "\n".join([*lines, *(f"  {name:<12} {words}" for name, words in rows.items())])
