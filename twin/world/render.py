"""A picture of a farm's floor: many cells in one display model, drawn without a screen.

The batch simulates one cell a row; for a picture their joint positions are copied into a model that holds all cells side by
side. Pixels never enter a run's hash: they differ between drivers.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from PIL import Image

from twin.core.errors import AssetError
from twin.core.records import Floats
from twin.world.cell import CellModel
from twin.world.compose import cell_spec, set_options

SPACING_M = (1.40, 1.26)
"""Between the bases of neighbouring cells along x and y, m."""
TABLE_M = 0.735
"""Height of the table tops above the floor, m."""
CENTRE_M = 0.22
"""The middle of a table in front of its robot's base, m."""
_drew: set[int] = set()
"""Processes, this one and its parents, that opened a drawing context."""


def render_floor(cells: Sequence[tuple[CellModel, Floats]], path: Path, size: tuple[int, int] = (1280, 640)) -> Path:
    """Write a PNG of `size` (width, height) pixels: cells side by side, each with the qpos of its model.

    Raises AssetError where this machine can draw nothing (no EGL, no OSMesa), naming the packages that would help.
    """
    with Painter([cell for cell, _ in cells], size) as painter:
        painter.picture([qpos for _, qpos in cells]).save(path, optimize=True)
    return path


class Painter:
    """Draws cells side by side, as often as wanted: `with Painter([cell], (640, 480)) as painter: painter.picture([qpos])`.

    Raises AssetError where this machine can draw nothing, naming the packages that would help.
    """

    def __init__(self, cells: Sequence[CellModel], size: tuple[int, int]) -> None:
        """size: (width, height) in pixels."""
        if not cells:
            raise ValueError("a floor without cells has no picture")
        self.cells, self.size, columns = list(cells), size, _columns(len(cells))
        self.spots = [(SPACING_M[0] * (i // columns), SPACING_M[1] * (i % columns)) for i in range(len(cells))]
        fine = (2 * size[0], 2 * size[1])  # drawn twice as large and scaled down: software drivers do not smooth edges
        self._model = _floor(self.cells, self.spots, fine)
        self._data, self._camera = mujoco.MjData(self._model), _camera(len(cells), columns)
        self._fine, self._context = fine, _context(fine)
        self._context.make_current()
        self._scene = mujoco.MjvScene(self._model, maxgeom=20_000)
        self._brush = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._brush)

    def picture(self, qpos: Sequence[Floats]) -> Image.Image:
        """The cells with these qpos, one each."""
        model, data = self._model, self._data
        posed = zip(self.cells, qpos, self.spots, strict=True)
        data.qpos[:] = np.concatenate([_moved(cell, each, spot) for cell, each, spot in posed])
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        self._context.make_current()
        option, pert = mujoco.MjvOption(), mujoco.MjvPerturb()
        option.geomgroup[:] = 1
        option.geomgroup[3] = 0  # shapes for contacts only, of robots that have others to look at
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, option, pert, self._camera, everything, self._scene)
        view, pixels = mujoco.MjrRect(0, 0, *self._fine), np.empty((self._fine[1], self._fine[0], 3), dtype=np.uint8)
        mujoco.mjr_render(view, self._scene, self._brush)
        mujoco.mjr_readPixels(pixels, None, view, self._brush)
        return Image.fromarray(pixels[::-1]).resize(self.size, Image.Resampling.LANCZOS)

    def close(self) -> None:
        """Let go of the drawing context."""
        self._brush.free()
        self._context.free()

    def __enter__(self) -> Painter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _columns(n: int) -> int:
    """About twice as wide as deep, without gaps where n allows it."""
    wide = sqrt(1.5 * n)
    whole = [d for d in range(1, n + 1) if n % d == 0 and 0.7 * wide <= d <= 1.5 * wide]
    return min(whole, key=lambda d: abs(d - wide)) if whole else ceil(wide)


def _moved(cell: CellModel, qpos: Floats, spot: tuple[float, float]) -> Floats:
    """qpos with the objects, whose joints are free, moved with their cell."""
    out = np.array(qpos, dtype=np.float64)
    out[cell.object_q].reshape(-1, 7)[:, :3] += (*spot, TABLE_M)
    return out


def _floor(cells: Sequence[CellModel], spots: Sequence[tuple[float, float]], size: tuple[int, int]) -> mujoco.MjModel:
    """The display model: a hall floor, a mat and a cell at each spot, lights."""
    spec = mujoco.MjSpec()
    spec.copy_during_attach = True
    _furnish(spec, size, np.array(spots))
    parts: dict[int, mujoco.MjSpec] = {}
    for i, (cell, spot) in enumerate(zip(cells, spots, strict=True)):
        part = parts.setdefault(id(cell), cell_spec(cell.robot, cell.gripper, cell.workcell))
        for option_of in (spec, part):  # attaching is silent where options agree
            set_options(option_of, cells[0].workcell)
        middle = [spot[0] + CENTRE_M, spot[1]]
        _box(spec, [*middle, 0.001], [0.62, 0.58, 0.001], [0.93, 0.72, 0.20, 1])
        _box(spec, [*middle, 0.002], [0.60, 0.56, 0.001], [0.42, 0.46, 0.51, 1])
        spec.attach(part, frame=spec.worldbody.add_frame(pos=[*spot, TABLE_M]), prefix=f"c{i}_")
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    spec.assets = {name: data for part in parts.values() for name, data in part.assets.items()}
    return spec.compile()


def _box(spec: mujoco.MjSpec, pos: Sequence[float], half: Sequence[float], rgba: Sequence[float]) -> None:
    box = mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(type=box, pos=pos, size=half, rgba=rgba, contype=0, conaffinity=0)


def _furnish(spec: mujoco.MjSpec, size: tuple[int, int], spots: Floats) -> None:
    """Light, air and floor. The shadow map reaches well beyond the picture: its border draws dots."""
    middle = 0.5 * (spots.min(axis=0) + spots.max(axis=0))
    spec.stat.center = [middle[0] + CENTRE_M, middle[1], 0.5]
    spec.stat.extent = float(np.linalg.norm(np.ptp(spots, axis=0))) / 2 + 1.6
    look = spec.visual
    look.global_.offwidth, look.global_.offheight = size
    look.global_.fovy = 24.0
    look.quality.shadowsize, look.quality.offsamples = 8192 if len(spots) > 1 else 4096, 0
    look.headlight.ambient, look.headlight.diffuse, look.headlight.specular = [0.50] * 3, [0.24] * 3, [0.0] * 3
    look.map.znear, look.map.zfar, look.map.shadowclip = 0.2, 8.0, 6.0 if len(spots) > 1 else 10.0
    air = {"rgb1": [0.90, 0.92, 0.94], "rgb2": [0.80, 0.83, 0.86], "builtin": mujoco.mjtBuiltin.mjBUILTIN_GRADIENT}
    spec.add_texture(name="air", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=64, height=64, **air)
    tiles = {"rgb1": [0.74, 0.76, 0.78], "rgb2": [0.77, 0.79, 0.81], "builtin": mujoco.mjtBuiltin.mjBUILTIN_CHECKER}
    spec.add_texture(name="tiles", type=mujoco.mjtTexture.mjTEXTURE_2D, width=256, height=256, **tiles)
    material = spec.add_material(name="tiles", texuniform=True, texrepeat=[0.8, 0.8], specular=0.1)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    plane = {"type": mujoco.mjtGeom.mjGEOM_PLANE, "material": "tiles", "contype": 0, "conaffinity": 0}
    spec.worldbody.add_geom(pos=[*middle, 0], size=[40, 40, 1], **plane)
    sun = {"type": mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, "castshadow": True, "specular": [0.25] * 3}
    spec.worldbody.add_light(pos=[*middle, 6], dir=[0.22, 0.30, -1], diffuse=[0.52] * 3, **sun)


def _camera(n: int, columns: int) -> Any:
    """Looks across the rows at an angle, far enough away for all of them; at what is on the table where there is one."""
    rows = ceil(n / columns)
    camera = mujoco.MjvCamera()
    if n == 1:
        camera.lookat[:] = (CENTRE_M, 0.0, TABLE_M + 0.14)
        camera.azimuth, camera.elevation, camera.distance = 205.0, -27.0, 3.0
        return camera
    camera.lookat[:] = (0.5 * SPACING_M[0] * (rows - 1) + CENTRE_M, 0.5 * SPACING_M[1] * (columns - 1), 0.42)
    camera.azimuth, camera.elevation = 196.0, -29.0
    camera.distance = 3.1 + 1.45 * max(SPACING_M[1] * columns, 1.2 * SPACING_M[0] * rows)
    return camera


def _context(size: tuple[int, int]) -> Any:
    """A drawing context that needs no screen: what MUJOCO_GL names, else EGL, else OSMesa."""
    if _drew and os.getpid() not in _drew:
        raise AssetError("this process was forked from one that had drawn, which no driver survives: start it by spawn instead")
    _before_drivers()
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    reasons = []
    for name in (wanted,) if wanted in ("egl", "osmesa") else ("egl", "osmesa"):
        try:
            context = importlib.import_module(f"mujoco.{name}").GLContext(*size)
            _drew.add(os.getpid())
            return context
        except (ImportError, AttributeError, RuntimeError, OSError) as error:
            reasons.append(f"{name}: {error}")
    raise AssetError(
        "this machine cannot draw without a screen; on Debian install libegl1 and libgl1-mesa-dri, or libosmesa6 "
        f"({'; '.join(reasons)})"
    )


def _before_drivers() -> None:
    """Triton, which comes with torch, and Mesa's software driver both bring LLVM: loaded after the driver, Triton crashes the
    process; loaded before it, both work. Torch loads it late, when a first optimiser is made."""
    if importlib.util.find_spec("triton") is not None:
        with contextlib.suppress(ImportError, OSError):
            importlib.import_module("triton")
