"""Spec of the part `dynamics`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.calibrate.partspec import PartSpec
from twin.core.spec import Spec

Extra = Literal["presliding", "stribeck", "load", "quadratic"]
Sensor = Literal["gain", "tilt", "delay", "zero"]


class RolloutSpec(Spec):
    """Forward simulations beside the log: started from it every `every_s`, driven by the logged torques."""

    horizon_s: float = Field(default=1.0, gt=0)
    every_s: float = Field(default=0.5, gt=0)
    step_ms: float = Field(default=2.0, gt=0, le=20)


class RefineSpec(Spec):
    """Trajectory refinement by `mujoco.sysid`: what of the model moves until roll-outs fit the log."""

    move: tuple[Literal["friction", "damping", "armature", "mass"], ...] = ("friction", "damping", "armature", "mass")
    """`mass` scales a body's mass and inertia together, so that it stays one that can exist."""
    horizon_s: float = Field(default=0.5, gt=0)
    windows: int = Field(default=24, ge=2)
    """How many windows of the log are simulated, spread evenly."""
    save: str | None = None
    """Where the refined model is written (MJCF), relative to the plan; the part's own `save` is the regression's."""


class DynamicsSpec(PartSpec):
    """Masses, centres, inertias, armature and friction of an arm, from positions and torques."""

    kind: Literal["dynamics"]
    model: str
    """MJCF or URDF, relative to the plan, or the name of a robot that ships."""
    joints: tuple[str, ...] | None = None
    """The model's joints in the order of the log's columns; left out: all of them in the model's order."""
    position: str = "q"
    torque: str = "tau"
    velocity: str | None = "v"
    """Signals of the log; a velocity that is not there is derived, one that is there is used where it predicts better."""
    gravity: Literal["included", "compensated"] = "included"
    """`compensated`: the logged torque is what is left after gravity compensation."""
    gravity_mps2: tuple[float, float, float] | None = None
    """Gravity along x, y, z of the model's base; left out: as the model has it, mostly [0, 0, -9.81]. Hanging from the ceiling:
    [0, 0, 9.81]; on a wall: [9.81, 0, 0], or whichever axis points down."""
    cutoff_hz: float | None = Field(default=None, gt=0)
    """Torques are fitted and scored below it (zero phase). Left out: 8 times the band in which 99 % of the motion lies."""
    bodies: tuple[str, ...] | None = None
    """Bodies whose inertia may move; left out: all that a joint carries."""
    armature: bool = True
    friction: tuple[Extra, ...] = ("presliding", "stribeck", "load", "quadratic")
    """What is tried beyond Coulomb and viscous friction; it is taken only where unseen blocks are predicted better."""
    sensors: tuple[Sensor, ...] = ("gain", "tilt", "delay")
    """Errors of measurement that are tried: a gain a torque sensor, a base that is not level, torques that come late, zeros
    of the positions (slower, and only if asked for)."""
    gain_spread: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """How far a torque sensor's gain may plausibly be off (one standard deviation)."""
    rollout: RolloutSpec | None = RolloutSpec()
    refine: RefineSpec | None = None
    """Left out: the regression's values are kept."""
    save: str | None = None
    """Where the fitted model is written (MJCF), relative to the plan."""
    robot: str | None = None
    """The robot of the fleet that runs with the fitted model under the overlay: one brought as a file, with its sidecar."""
