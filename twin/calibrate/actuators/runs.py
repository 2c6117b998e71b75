"""Runs of a servo on an even grid of time: what the simulations step through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.calibrate.actuators.spec import ActuatorsSpec
from twin.calibrate.logs import Log, as_numbers
from twin.core.errors import TableError
from twin.core.records import Bools, Floats

SHORTEST = 20
"""Rows that a run needs."""


@dataclass(frozen=True)
class Runs:
    """R runs of N steps of `step_s`; beyond its end a run is padded and not `there` (R, N). Angles in rad."""

    names: tuple[str, ...]
    step_s: float
    position: Floats
    command: Floats
    volts: Floats
    enabled: Bools
    there: Bools
    gain: Floats
    mass: Floats
    length: Floats
    speed: Floats
    """(R,) rad/s at the start."""

    def take(self, which: list[int]) -> Runs:
        """Some of the runs."""
        rows = np.array(which)
        arrays = ("position", "command", "volts", "enabled", "there", "gain", "mass", "length", "speed")
        names = tuple(self.names[i] for i in which)
        return Runs(names, self.step_s, *(getattr(self, name)[rows] for name in arrays))


def check(spec: ActuatorsSpec, log: Log) -> None:
    """Raises `TableError` for a run that is too short, or whose position is frozen."""
    for name, run in log.by_run().items():
        position = run.single(spec.position)
        if len(run) < SHORTEST:
            raise TableError(
                f"log {log.name!r}, run {name!r}: {len(run)} rows are too few to tell a servo (at least {SHORTEST})"
            )
        if np.ptp(position) == 0:
            still = f"{spec.position} is {position[0]:.4g} rad throughout: a frozen signal"
            raise TableError(f"log {log.name!r}, run {name!r}: {still}")


def gather(spec: ActuatorsSpec, log: Log) -> Runs:
    """The runs of a log, but for pieces too short. Raises `TableError`: none left, a gain that changes inside a run."""
    parts = {name: part for name, part in log.by_run().items() if len(part) >= SHORTEST}
    if not parts:
        raise TableError(f"log {log.name!r}: gaps leave no stretch of {SHORTEST} rows")
    steps = np.concatenate([np.diff(part.time()) for part in parts.values()])
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    if step <= 0:
        raise TableError(f"log {log.name!r}: every row has the same time")
    rows = [_row(spec, name, part, step) for name, part in parts.items()]
    lengths = np.array([len(row["position"]) for row, _ in rows])
    packed = {key: np.array([_padded(row[key], int(lengths.max())) for row, _ in rows]) for key in rows[0][0]}
    single = {key: np.array([constants[key] for _, constants in rows]) for key in rows[0][1]}
    there = np.arange(lengths.max()) < lengths[:, None]
    enabled = packed.pop("enabled") > 0
    return Runs(tuple(parts), step, enabled=enabled, there=there, **packed, **single)


def _padded(values: Floats, length: int) -> Floats:
    return np.concatenate([values, np.full(length - len(values), values[-1])])


def _row(spec: ActuatorsSpec, name: str, run: Log, step: float) -> tuple[dict[str, Floats], dict[str, float]]:
    """One run: what changes on the grid of time, and what does not."""
    t, position = run.time() - run.time()[0], run.single(spec.position)
    grid = np.arange(0.0, t[-1] + step / 2, step)
    first = grid < 6 * step
    resampled = np.interp(grid, t, position)
    enabled = np.ones(len(t)) if spec.enabled is None else run.single(spec.enabled)
    signals = {
        "position": resampled,
        "command": np.interp(grid, t, run.single(spec.command)),
        "volts": np.ones(len(grid)) if spec.volts is None else np.interp(grid, t, run.single(spec.volts)),
        "enabled": np.interp(grid, t, (enabled > 0).astype(float)).round(),
    }
    return signals, {
        "gain": _constant(run, name, spec.gain, "gain"),
        "mass": _constant(run, name, spec.mass_kg, "mass_kg"),
        "length": _constant(run, name, spec.length_m, "length_m"),
        "speed": float(np.polyfit(grid[first], resampled[first], 1)[0]),
    }


def _constant(run: Log, name: str, value: str | float, what: str) -> float:
    if not isinstance(value, str):
        return float(value)
    numbers = as_numbers(run.label(value), value)
    if np.ptp(numbers) > 0:
        raise TableError(f"log {run.name!r}, run {name!r}: {what} ({value}) changes inside the run; make it a run of its own")
    return float(numbers[0])
