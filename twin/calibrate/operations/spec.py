"""Spec of the part `operations`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class OperationsSpec(PartSpec):
    """What people, resets and detectors do: reset success and time per rung, response and work of people, label errors.

    {kind: operations, log: bay, audit: audited}
    """

    kind: Literal["operations"]
    audit: str | None = None
    """A log of the same episodes (by run, cell and number) with audited labels; left out: their truth, where it is known."""
