"""Rows of the episode table, as the farm knows them when an episode ends or the run cuts it off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from twin.core.clock import US
from twin.core.records import blank_episode
from twin.farm.cells import Cell
from twin.farm.data import Filed
from twin.farm.jobs import Job


def ended(
    facts: Mapping[str, Any],
    cell: Cell,
    job: Job,
    now_us: int,
    *,
    reason: str,
    truth: bool | None,
    attempt_of: int | None,
    filed: Filed,
) -> dict[str, Any]:
    """The row of an episode that ended now. Resets, waits and interventions are those since the cell's last episode."""
    row = _begun(facts, cell, job, now_us)
    row.update(
        attempt_of=attempt_of,
        censored=False,
        end_reason=reason,
        truth=truth,
        instruction=filed.goal,
        label=filed.label,
        label_source=filed.source,
        resets=cell.resets,
        reset_kind=cell.reset_kind,
        reset_s=cell.reset_us / US,
        wait_s=cell.wait_us / US,
        interventions=cell.interventions,
        intervention_s=cell.intervention_us / US,
        usable=filed.reject is None,
        reject_reason=filed.reject,
        data_uri=f"{facts['store']}/{cell.episode}" if filed.reject is None else None,
    )
    return row


def cut_off(facts: Mapping[str, Any], cell: Cell, job: Job, now_us: int) -> dict[str, Any]:
    """The row of an episode that the end of the run cut off: censored, without outcome."""
    row = _begun(facts, cell, job, now_us)
    row.update(censored=True, usable=False, reject_reason="cut off by the end of the run")
    return row


def _begun(facts: Mapping[str, Any], cell: Cell, job: Job, now_us: int) -> dict[str, Any]:
    began = datetime.fromisoformat(facts["start_utc"]) + timedelta(microseconds=cell.started_us + cell.clock_off_us)
    row: dict[str, Any] = blank_episode() | facts["columns"]
    row.update(
        episode=cell.episode,
        site=cell.site,
        cell=cell.name,
        robots=[cell.robot],
        robot_model=cell.robot_spec.model,
        task=job.spec.task,
        scene=job.spec.scene,
        stack_version=cell.stack_version,
        job=job.name,
        start_utc=began.isoformat(),
        start_s=cell.started_us / US,
        duration_s=(now_us - cell.started_us) / US,
        symptoms=list(cell.symptoms),
        injected=list(cell.injected),
    )
    return row
