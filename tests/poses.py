"""One thing a row, as poses."""

from __future__ import annotations

from typing import Any

import numpy as np


def lying(points: Any) -> Any:
    """(n, 1, 7) poses of one object a row at points (n, 3), not turned."""
    poses = np.zeros((len(points), 1, 7))
    poses[:, 0, :3], poses[:, 0, 3] = points, 1.0
    return poses
