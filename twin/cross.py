"""The same episode on two engines, tick by tick: how far apart joints, tool and things come, when, and from what.

A farm runs on the first engine until each of its kinds of cell has ended an episode, for a minute at the most; the commands of
that episode, as they left filters and faults, are then played into both engines from the same start. Open loop, so that nothing
corrects what drifts.
What the gap is due to is told from the tick at which it opens, and from what the first engine does by itself with half its step
and with a fifth less friction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from twin.build import build, make_world
from twin.core.clock import US, to_us
from twin.core.records import Bools, Floats, Rows
from twin.judge.trajectories import Apart
from twin.scenario.load import Scenario
from twin.world.base import Start, World
from twin.world.cell import CellModel, build_cell

LONGEST_S = 60.0
"""Simulated time that the farm runs: what it has seen of an episode by then is played."""
TOUCH_N = 0.05
"""A pad that feels more than this touches something."""
LESS_FRICTION = 0.8
"""Share of the friction that is left in `CHANGES`."""
CHANGES = {"integrator": "half the step", "friction": "a fifth less friction"}
"""What is changed in the first engine alone, by what it would explain."""
LOST = 10
"""Ticks for which one engine alone must hold a thing."""
PHASES = {"free": "before a finger touches it", "touching": "while a finger presses on it", "after": "once the fingers let go"}
"""Of an episode, by what pads feel on either engine: before the first touch, while there is one, and all the rest."""
DRAWN = 150
"""Points of the course that is kept."""


@dataclass
class Tape:
    """Commands of one episode, from its start."""

    start: Start
    commands: list[tuple[Floats, int]] = field(default_factory=list)


class Recorder:
    """A world that keeps the first whole episode of its first row, and else is the world that it stands before."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.tape: Tape | None = None
        self.done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def reset(self, rows: Rows, start: Start) -> None:
        """As the world's; a second one ends the tape."""
        at = np.flatnonzero(rows == 0).astype(np.int32)
        if len(at) and not self.done:
            self.done = self.tape is not None and bool(self.tape.commands)
            self.tape = self.tape if self.done else Tape(start.take(at))
        self.world.reset(rows, start)

    def step(self, rows: Rows, command: Floats, steps: int) -> None:
        """As the world's."""
        at = np.flatnonzero(rows == 0)
        if len(at) and self.tape is not None and not self.done:
            self.tape.commands.append((command[at].copy(), steps))
        self.world.step(rows, command, steps)


@dataclass(frozen=True)
class Path:
    """What one engine made of a tape, a line a tick until its physics fails: joints (rad), tool and things (m), whether a pad
    presses, what is held."""

    q: Floats
    tool: Floats
    things: Floats
    touching: Bools
    held: Bools

    def until(self, ticks: int) -> Path:
        """Its first ticks."""
        return Path(*(getattr(self, part.name)[:ticks] for part in fields(self)))


def apart(scenario: Scenario, engines: Sequence[str]) -> list[Apart]:
    """One episode of every kind of cell on two engines, the furthest apart first; kinds that begin none are left out."""
    found = []
    for tape, cell, names in _tapes(scenario):
        table = cell.workcell
        half = build_cell(cell.robot, cell.gripper, table.model_copy(update={"physics_step_ms": 0.5 * table.physics_step_ms}))
        first, second = (_play(make_world(engine, cell, 1, 1), tape) for engine in engines)
        finer = _play(make_world(engines[0], half, 1, 1), tape, steps=2)
        rubbed = _play(make_world(engines[0], cell, 1, 1), tape, friction=LESS_FRICTION)
        seconds = np.cumsum([count for _, count in tape.commands]) * cell.step_us / US
        found.append(_told(names, seconds, first, second, dict(zip(CHANGES.values(), (finer, rubbed), strict=True)), engines))
    return sorted(found, key=lambda path: -path.most_mm)


def _tapes(scenario: Scenario) -> list[tuple[Tape, CellModel, tuple[str, str]]]:
    farm = build(scenario, "cross", 1)
    recorders = [Recorder(lane.world) for lane in farm.lanes]
    for lane, recorder in zip(farm.lanes, recorders, strict=True):
        lane.world = recorder
    farm.begin()
    end = to_us(min(LONGEST_S, scenario.spec.duration_s))
    while not all(recorder.done for recorder in recorders) and farm.step(end):
        pass
    kinds = list(dict.fromkeys((c.spec.robots[0].robot, c.spec.workcell) for c in scenario.cells))
    out = []
    for recorder, kind in zip(recorders, kinds, strict=True):
        if recorder.tape is not None and recorder.tape.commands:
            out.append((recorder.tape, recorder.world.cell, kind))
    return out


def _play(world: World, tape: Tape, steps: int = 1, friction: float = 1.0) -> Path:
    one = np.zeros(1, np.int32)
    world.reset(one, tape.start)
    if friction != 1.0:
        world.set_field(one, "friction", np.array([friction]))
    lines: list[tuple[Floats, ...]] = []
    for command, count in tape.commands:
        world.step(one, command, count * steps)
        if lines and world.status(one)[0]:
            break
        seen, truth = world.observe(one), world.truth(one)
        pressed = np.abs(seen.force).max(axis=1) > TOUCH_N
        lines.append((seen.q[0], seen.tool[0], seen.objects[0, :, :3], pressed[0] | (truth.force[0] > TOUCH_N), truth.held[0]))
    return Path(*(np.array(column) for column in zip(*lines, strict=True)))


def _phases(first: Path, second: Path) -> Mapping[str, Bools]:
    """In which ticks each of `PHASES` is."""
    touching = first.touching | second.touching
    before = np.cumsum(touching) == 0
    return {"free": before, "touching": touching, "after": ~before & ~touching}


def _far(first: Floats, second: Floats) -> Floats:
    """(ticks,) how far two paths of points are apart, while both last."""
    ticks = min(len(first), len(second))
    gap = first[:ticks] - second[:ticks]
    far: Floats = np.sqrt((gap * gap).sum(axis=-1)).reshape(len(gap), -1).max(axis=1, initial=0.0)
    return far


def _told(
    names: tuple[str, str], seconds: Floats, first: Path, second: Path, alone: Mapping[str, Path], engines: Sequence[str]
) -> Apart:
    ticks = min(len(first.q), len(second.q))
    first, second, seconds = first.until(ticks), second.until(ticks), seconds[:ticks]
    phases = _phases(first, second)
    joints = np.abs(first.q - second.q).max(axis=1)
    tool, thing = _far(first.tool, second.tool), _far(first.things, second.things)
    worst = int(thing.argmax())
    onset = int(np.flatnonzero(thing >= 0.5 * thing[worst])[0])
    own = {name: 1e3 * float(_far(first.things, path.things)[: worst + 1].max()) for name, path in alone.items()}
    phase = next(name for name, at in phases.items() if at[onset])
    cause = _cause(phase, 1e3 * float(thing[worst]), own)
    if (keeps := _keeps(first, second, onset)) is not None:
        cause = f"contact, only {engines[keeps]} holds on to the thing"
    return Apart(
        names[0], names[1], _by_phase(1e3 * joints, phases), _by_phase(1e3 * tool, phases), _by_phase(1e3 * thing, phases),
        own, float(seconds[worst]), float(seconds[onset]), cause, engines[0], _course(seconds, 1e3 * thing),
    )  # fmt: skip


def _by_phase(values: Floats, phases: Mapping[str, Bools]) -> dict[str, float]:
    return {name: float(values[at].max()) for name, at in phases.items() if at.any()}


def _keeps(first: Path, second: Path, onset: int) -> int | None:
    """Which engine alone holds a thing for `LOST` ticks around the onset; None: both or neither."""
    near = slice(max(0, onset - LOST), onset + LOST)
    holds = [np.logical_or.reduce(path.held[near], axis=1) for path in (first, second)]
    only = [int(np.logical_and(a, ~b).sum()) for a, b in (holds, holds[::-1])]
    return int(np.argmax(only)) if max(only) >= LOST else None


def _cause(phase: str, most_mm: float, own: Mapping[str, float]) -> str:
    """What a difference that begins in a phase is due to; what the first engine does alone tells step and friction apart."""
    word = next((name for name, change in CHANGES.items() if own[change] > 0.5 * most_mm), "contact")
    return f"{word}, {PHASES[phase]}"


def _course(seconds: Floats, apart_mm: Floats) -> list[tuple[float, float]]:
    """(s, mm) at so many points at the most, the largest of the ticks around each."""
    parts = np.array_split(np.arange(len(seconds)), min(DRAWN, len(seconds)))
    peaks = [int(part[apart_mm[part].argmax()]) for part in parts]
    return [(round(float(seconds[at]), 3), float(f"{apart_mm[at]:.4g}")) for at in peaks]
