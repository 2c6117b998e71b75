"""What the position servos of an arm give, worked out from its joints: MuJoCo's law, sparing with calls.

Bullet itself takes damping off in every step, whatever is put in. A servo is (spring Nm, stiffness Nm/rad, damping Nms/rad,
limit Nm, weight Nm), `spring` being what its target pulls with at zero; `states` are joints as `getJointStates` tells them, the
fingers' after the arm's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Servos = Sequence[tuple[float, float, float, float, float]]
HOLD = 10
"""Bullet's steps for which springs keep a torque, 10 ms: moves an arm by less than 1 mrad in 2 s; twice as long by 5."""
NEAR = 0.7
"""Servos of which one gives more than this share of its limit are worked out before every step: no limit is passed."""


def held(states: Any, servos: Servos, step_s: float) -> list[float]:
    """Nm of springs and weight, in the middle of the next `HOLD` steps of `step_s`; nothing where a servo is near its limit."""
    given, ahead = [], 0.5 * (HOLD - 1) * step_s
    for (q, dq, _, _), (spring, k, d, most, up) in zip(states, servos):  # noqa: B905
        pull = spring - k * (q + ahead * dq)
        if abs(pull - d * dq) > NEAR * most:
            return []
        given.append(pull + up)
    return given


def pushed(states: Any, servos: Servos) -> list[float]:
    """Nm that each servo gives now, within its limit."""
    return [
        most if (push := spring - k * q - d * dq) > most else -most if push < -most else push
        for (q, dq, _, _), (spring, k, d, most, _) in zip(states, servos)  # noqa: B905
    ]
