"""How often the detector is wrong, from episodes whose truth is known or audited.

Audits are seldom a fair sample: who audits looks at failures first. So the truth is taken by label (of those with this label,
how many are wrong), and the labels of all episodes weigh it (Begg and Greenes 1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.calibrate.stats.belief import Belief, drawn, share
from twin.core.chance import Stream
from twin.core.errors import TableError
from twin.core.records import Floats
from twin.judge.columns import column, flags


@dataclass(frozen=True)
class Confusion:
    """Counts by (label, truth) of what was audited, labels of all; beliefs in both error rates and in the true share."""

    audited: dict[str, int]
    labels: tuple[int, int]
    false_positive: Belief | None
    false_negative: Belief | None
    success: Belief


def confusion(frame: pd.DataFrame, audit: pd.DataFrame | None, stream: Stream, draws: int = 4000) -> Confusion | None:
    """None where no episode has both a label and a truth. Raises `TableError` where an audit has no episode of the log."""
    label = _numbers(flags(frame, "label", table="episodes"))
    truth = _numbers(flags(frame, "truth", table="episodes")) if audit is None else _audited(frame, audit)
    both = ~np.isnan(label) & ~np.isnan(truth)
    if not both.any():
        return None
    k = {(a, b): int(((label == a) & (truth == b) & both).sum()) for a in (0, 1) for b in (0, 1)}
    yes, no = int((label == 1).sum()), int((label == 0).sum())
    named = {f"label {a}, truth {b}": n for (a, b), n in k.items()}
    whole = both.sum() == (~np.isnan(label)).sum()
    good, bad = k[1, 1] + k[0, 1], k[0, 0] + k[1, 0]
    if whole:  # everything was audited: counts are binomial
        positive = share(k[1, 0], bad) if bad else None
        negative = share(k[0, 1], good) if good else None
        return Confusion(named, (no, yes), positive, negative, share(good, good + bad))
    right = stream.beta(k[1, 1] + 0.5, k[1, 0] + 0.5, draws)  # truly good, of those with label 1
    wrong = stream.beta(k[0, 1] + 0.5, k[0, 0] + 0.5, draws)  # truly good, of those with label 0
    said = stream.beta(yes + 0.5, no + 0.5, draws)
    true = said * right + (1 - said) * wrong
    positive_, negative_ = said * (1 - right) / (1 - true), (1 - said) * wrong / true
    n = int(both.sum())
    return Confusion(
        named, (no, yes), drawn(positive_, n) if bad else None, drawn(negative_, n) if good else None, drawn(true, n)
    )


def _numbers(values: list[bool | None]) -> Floats:
    return np.array([np.nan if v is None else float(v) for v in values])


def _audited(frame: pd.DataFrame, audit: pd.DataFrame) -> Floats:
    """(n,) the audited label of every episode, matched by run, cell and number as far as both tables tell them."""
    names = ["episode"] + [c for c in ("run", "cell") if frame[c].notna().all() and audit[c].notna().all()]
    told = zip(*(column(audit, c, table="audit") for c in names), strict=True)
    truth = {key: value for key, value in zip(told, flags(audit, "label", table="audit"), strict=True) if value is not None}
    own = zip(*(column(frame, c, table="episodes") for c in names), strict=True)
    out = np.array([np.nan if (v := truth.get(key)) is None else float(v) for key in own])
    if np.isnan(out).all():
        raise TableError(f"the audit holds none of the log's episodes (matched by {', '.join(names)})")
    return out
