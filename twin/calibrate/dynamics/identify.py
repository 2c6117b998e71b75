"""What a log can tell of an arm's inertia: base parameters, and the directions of parameter space that it leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import eigh, qr

from twin.calibrate.dynamics.design import Layout
from twin.calibrate.dynamics.physical import inverse
from twin.calibrate.dynamics.regressor import NAMES, movable_bodies, regressor
from twin.core.chance import Chance
from twin.core.records import Floats

SAMPLES: Final = 300
TOLERANCE: Final = 1e-8
TOLD: Final = 0.9
"""Share of a value's variance that the log must take away, or it counts as not identified."""


@dataclass(frozen=True)
class Base:
    """Base parameters (k, rigid): each is a sum of the columns that no motion whatever can tell apart."""

    weights: Floats
    names: tuple[str, ...]
    plain: tuple[bool, ...]
    """Whether the base parameter is a column alone."""


def column_names(layout: Layout) -> list[str]:
    """The rigid columns, `link3.hx` or `j2.armature`."""
    out = [f"{layout.model.body(body).name}.{name}" for body in layout.free for name in NAMES]
    return out + ([f"{layout.model.joint(j).name}.armature" for j in range(layout.nv)] if layout.armature else [])


def base_parameters(layout: Layout) -> Base:
    """Base parameters by QR with pivoting of the regressor at random motions (Gautier 1991): a property of the arm alone."""
    stream = Chance(0).stream("dynamics", "base parameters")
    q, v, a = stream.normal(size=(3, SAMPLES, layout.nv)) * np.array([1.5, 2.0, 5.0])[:, None, None]
    Y = regressor(layout.model, q, v, a)[0]
    movable = [i for i, body in enumerate(movable_bodies(layout.model)) if body in layout.free]
    columns = [Y[:, :, 10 * i : 10 * i + 10] for i in movable]
    if layout.armature:
        spread = np.zeros((SAMPLES, layout.nv, layout.nv))
        spread[:, range(layout.nv), range(layout.nv)] = a
        columns.append(spread)
    W = np.concatenate(columns, axis=2).reshape(-1, layout.rigid)
    R, pivot = qr(W, mode="r", pivoting=True)
    size = np.abs(np.diag(R[: layout.rigid]))
    rank = int((size > TOLERANCE * size[0]).sum())
    share = np.linalg.solve(R[:rank, :rank], R[:rank, rank : layout.rigid])
    weights = np.zeros((rank, layout.rigid))
    weights[np.arange(rank), pivot[:rank]] = 1.0
    weights[:, pivot[rank:]] = np.where(np.abs(share) > 1e-6, share, 0.0)
    names = column_names(layout)
    plain = tuple(bool((np.abs(row) > 0).sum() == 1) for row in weights)
    return Base(weights, tuple(names[pivot[k]] + ("" if plain[k] else " + …") for k in range(rank)), plain)


def formula(layout: Layout, row: Floats) -> str:
    """A row of weights in words: `link2.Izz + link1.Iyy − 0.1 link2.hx`."""
    names = column_names(layout)
    parts = []
    for k in np.argsort(-np.abs(row), kind="stable"):
        if row[k] == 0:
            continue
        size = "" if abs(abs(row[k]) - 1) < 1e-9 else f"{abs(row[k]):.3g} "
        parts.append(("− " if row[k] < 0 else "+ ") + size + names[k])
    return " ".join(parts).removeprefix("+ ")


def told(rows: Floats, gram: Floats, walls: Floats) -> Floats:
    """How much of what was open about each combination (k, p) the log settles: 1 − variance after ÷ variance before."""
    after, before = (np.einsum("kp,pq,kq->k", rows, inverse(H), rows) for H in (gram + walls, walls))
    return np.asarray(1 - after / np.maximum(before, 1e-300))


def open_directions(base: Base, gram: Floats, walls: Floats, most: int = 3) -> tuple[int, list[str]]:
    """How many directions that some motion could tell this log does not, and the worst of them in words.

    A direction is open where the log takes away less than `TOLD` of the variance: the eigenvalue of the log's information
    against the model's is small.
    """
    wide = np.zeros((len(base.weights), len(gram)))
    wide[:, : base.weights.shape[1]] = base.weights
    model = inverse(wide @ inverse(walls) @ wide.T)
    know = inverse(wide @ inverse(gram + walls) @ wide.T) - model
    values, vectors = eigh(know, model)
    few = [k for k in range(len(values)) if values[k] < TOLD / (1 - TOLD)]
    names = base.names
    said = []
    for k in few[:most]:
        v = vectors[:, k] / np.max(np.abs(vectors[:, k]))
        top = [i for i in np.argsort(-np.abs(v))[:4] if abs(v[i]) > 0.1]
        said.append(" ".join(f"{v[i]:+.2f} ({names[i]})" for i in top))
    return len(few), said
