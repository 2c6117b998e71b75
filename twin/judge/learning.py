"""How good a policy was over time, site by site and version by version, and what sharing was worth by the declared curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.farm.outcomes import LearningSpec
from twin.judge.columns import rows
from twin.judge.tally import tally
from twin.log.tables import RunLog


@dataclass(frozen=True)
class Shared:
    """A site of a run that learns: its usable episodes, the share of successes of its first and last version, and what the
    declared curve gives for its own episodes alone, for those of all, and for those of all had `lost` ended half-way."""

    site: str
    usable: int
    versions: int
    first: float
    last: float
    alone: float
    pooled: float
    without: float
    lost: str


def shared(log: RunLog) -> list[Shared]:
    """The sites of a run whose fleet declares how it learns; none of any other."""
    spec = ((log.meta.get("stored") or {}).get("spec") or {}).get("fleet", {}).get("learning")
    curves = by_version(log) if spec else {}
    usable = {site: mine.total for site, mine in tally(log.episodes, ("site", "usable")).only(usable=True).by("site").items()}
    if not curves or not usable:
        return []

    success = LearningSpec.model_validate(spec).success
    every, lost = sum(usable.values()), max(usable, key=lambda site: usable[site])
    return [
        Shared(
            site, usable.get(site, 0), len(points), points[0][1], points[-1][1], success(usable.get(site, 0)), success(every),
            success(every - usable[lost] / 2), lost,
        )
        for site, points in curves.items()
    ]  # fmt: skip


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
