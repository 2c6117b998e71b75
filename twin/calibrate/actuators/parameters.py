"""The parameters of a servo: names, units, where a fit starts, bounds."""

from __future__ import annotations

from typing import NamedTuple


class Parameter(NamedTuple):
    """A parameter: its unit, whether it is fitted as a logarithm, where a fit starts, its bounds. `scaled`: times m g l."""

    name: str
    unit: str
    log: bool
    start: float
    low: float
    high: float
    scaled: bool = False


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("stiffness", "1/rad", True, 4e-3, 1e-5, 1e4),
    Parameter("torque_per_volt", "Nm/V", True, 0.15, 5e-3, 20.0, scaled=True),
    Parameter("back_emf", "Nm s/rad", True, 0.05, 1e-5, 10.0, scaled=True),
    Parameter("viscous", "Nm s/rad", True, 0.01, 1e-6, 5.0, scaled=True),
    Parameter("armature", "kg m2", True, 3e-3, 1e-5, 1.0, scaled=True),
    Parameter("coulomb", "Nm", True, 0.04, 1e-4, 5.0, scaled=True),
    Parameter("load_friction", "1", False, 0.1, 0.0, 0.9),
    Parameter("stribeck", "Nm", False, 0.02, 0.0, 1.0, scaled=True),
    Parameter("stribeck_speed", "rad/s", True, 0.5, 0.03, 10.0),
    Parameter("delay", "s", False, 0.01, 0.0, 0.06),
    Parameter("gravity_scale", "1", True, 1.0, 0.6, 1.6),
    Parameter("zero", "rad", False, 0.0, -0.1, 0.1),
)
NAMES = tuple(parameter.name for parameter in PARAMETERS)
