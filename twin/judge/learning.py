"""How good a policy was over time, site by site and version by version."""

from __future__ import annotations

import math

from twin.judge.columns import rows
from twin.judge.tally import tally
from twin.log.tables import RunLog


def by_version(log: RunLog) -> dict[str, list[tuple[float, float]]]:
    """Site → (day on which a version was first run, share of its episodes labelled a success); sites with several only."""
    told = tally(log.episodes, ("site", "policy_version", "label")).without(label=None)
    sites = {where: versions for where, mine in told.by("site").items() if len(versions := mine.by("policy_version")) > 1}
    if not sites:
        return {}
    first: dict[tuple[str, str], float] = {}
    names = ("site", "policy_version", "label", "start_s")
    for _, where, which, good, t in rows(log.episodes, names, table="episodes"):
        if good is not None and t < first.get((where, which), math.inf):
            first[where, which] = t
    return {
        where: sorted((first[where, which] / 86400, mine.of(label=True) / mine.total) for which, mine in versions.items())
        for where, versions in sites.items()
    }
