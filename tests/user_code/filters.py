"""What users bring as filters: one that breaks in the middle of things, and one that answers nonsense about a single row."""

import numpy as np

from twin.core.records import Certified


class Fails:
    """Lets everything pass for a while, then raises, or answers the wrong shape or no number, about the lane's row `row`."""

    name = "mine"

    def __init__(self, after=20, how="raise", row=0):
        self.left, self.how, self.row = after, how, row

    def certify(self, seen, command):
        n, mine = len(command), seen.rows == self.row
        self.left -= int(mine.any() and n > 0)
        if self.left < 0 and mine.any():
            if self.how == "raise":
                raise ZeroDivisionError("no time left")
            command = command[:, :-1] if self.how == "shape" else np.where(mine[:, None], np.nan, command)
        return Certified(command, np.zeros(n, np.int64), np.ones(n), np.zeros(n, bool))


class Alone:
    """The same for one row: `single_row`."""

    name, single_row = "alone", True

    def __init__(self, after=20, how="raise", joint_below=None):
        self.left, self.how, self.below = after, how, joint_below

    def certify(self, seen, command):
        self.left -= 1
        if self.left >= 0 or (self.below is not None and seen.q[0] >= self.below):
            return command
        if self.how == "raise":
            raise ZeroDivisionError("no time left")
        return command[:-1] if self.how == "shape" else np.full_like(command, np.nan)
