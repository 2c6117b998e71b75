"""How good a policy was over time, site by site and version by version."""

from __future__ import annotations

from twin.judge.columns import rows
from twin.log.tables import RunLog


def by_version(log: RunLog) -> dict[str, list[tuple[float, float]]]:
    """Site → (day on which a version was first run, share of its episodes labelled a success); sites with several only."""
    names = ("site", "policy_version", "label", "start_s")
    found: dict[str, dict[str, list[float]]] = {}
    for _, where, which, good, t in rows(log.episodes, names, table="episodes"):
        if which is None or good is None:
            continue
        held = found.setdefault(str(where), {}).setdefault(str(which), [t, 0.0, 0.0])
        held[0], held[1], held[2] = min(held[0], t), held[1] + good, held[2] + 1
    return {
        where: sorted((t / 86400, good / n) for t, good, n in versions.values())
        for where, versions in sorted(found.items())
        if len(versions) > 1
    }
