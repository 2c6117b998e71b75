"""Makes fk_….json, flange poses at random joint vectors: of ur3 and panda from the URDFs of the package example-robot-data, of
iiwa7 and wx250s from the tables published of them, typed in below.

    python tests/golden/make_fk.py [--urdf ur3=FILE --urdf panda=FILE]

Without --urdf the installed package is searched (`pip install example-robot-data==6.0.0`, 131 MB; the tests do not need it).
The chain is read and multiplied here, with nothing but NumPy, so that the golden owes nothing to the code under test.
"""

from __future__ import annotations

import argparse
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

FRAMES = {
    "ur3": ("base_link", "tool0", "ur_description/urdf/ur3_robot.urdf"),
    "panda": ("panda_link0", "panda_link8", "panda_description/urdf/panda.urdf"),
}
"""First and last frame of each chain, and the URDF in the package."""
COUNT, SEED = 100, 20260105
IIWA7 = [(0.340, -90), (0.0, 90), (0.400, 90), (0.0, -90), (0.400, -90), (0.0, 90), (0.126, 0)]
"""Standard Denavit-Hartenberg: d (m) and alpha (degrees) of each joint, a 0. C. Faria et al., Mech. Mach. Theory 121, 2018."""
IIWA7_LIMITS = np.deg2rad([170, 120, 170, 120, 170, 120, 175])
WX250S = [
    ((0, 0, 1), (0, 0, 0)), ((0, 1, 0), (0, 0, 0.11065)), ((0, 1, 0), (0.04975, 0, 0.36065)),
    ((1, 0, 0), (0, 0, 0.36065)), ((0, 1, 0), (0.29975, 0, 0.36065)), ((1, 0, 0), (0, 0, 0.36065)),
]  # fmt: skip
"""Axis of each joint and a point on it (m) at zero, in the base frame. Trossen Robotics, X-Series arms, WidowX-250 6DOF."""
WX250S_HOME = (0.458325, 0.0, 0.36065)
WX250S_LIMITS = np.deg2rad([(-180, 180), (-108, 114), (-123, 92), (-180, 180), (-100, 123), (-180, 180)])


def rotation(axis, angle):
    """Rodrigues' formula for a unit axis."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def origin(joint):
    """The fixed transform of a URDF joint: roll, pitch, yaw about fixed axes, then the offset."""
    out, tag = np.eye(4), joint.find("origin")
    if tag is not None:
        roll, pitch, yaw = (float(v) for v in tag.get("rpy", "0 0 0").split())
        out[:3, :3] = rotation((0, 0, 1), yaw) @ rotation((0, 1, 0), pitch) @ rotation((1, 0, 0), roll)
        out[:3, 3] = [float(v) for v in tag.get("xyz", "0 0 0").split()]
    return out


def chain(urdf, first, last):
    """The joints from link `first` to link `last`, in order."""
    above = {j.find("child").get("link"): j for j in ET.parse(urdf).getroot().iter("joint") if j.find("child") is not None}
    joints = []
    while last != first:
        joints.append(above[last])
        last = above[last].find("parent").get("link")
    return joints[::-1]


def flange(joints, q):
    """The pose (4, 4) of the chain's end at joint angles q."""
    pose, angles = np.eye(4), iter(q)
    for joint in joints:
        pose = pose @ origin(joint)
        if joint.get("type") in ("revolute", "continuous"):
            axis = np.array([float(v) for v in joint.find("axis").get("xyz").split()])
            turn = np.eye(4)
            turn[:3, :3] = rotation(axis / np.linalg.norm(axis), next(angles))
            pose = pose @ turn
    return pose


def iiwa7(q):
    """Its flange by the table: turn about z, along z by d, turn about x by alpha."""
    pose = np.eye(4)
    for angle, (d, alpha) in zip(q, IIWA7, strict=True):
        step = np.eye(4)
        step[:3, :3] = rotation((0, 0, 1), angle) @ rotation((1, 0, 0), np.deg2rad(alpha))
        step[2, 3] = d
        pose = pose @ step
    return pose


def wx250s(q):
    """Its gripper by the product of exponentials: each joint turns all that follows it about its line at zero."""
    pose = np.eye(4)
    for angle, (axis, point) in zip(q, WX250S, strict=True):
        turn = np.eye(4)
        turn[:3, :3] = rotation(axis, angle)
        turn[:3, 3] = point - turn[:3, :3] @ np.array(point)
        pose = pose @ turn
    home = np.eye(4)
    home[:3, 3] = WX250S_HOME
    return pose @ home


def typed(frames, source, limits, pose):
    """The golden of an arm whose table is typed in."""
    low, high = limits.T
    q = np.random.default_rng(SEED).uniform(low, high, (COUNT, len(low))).round(4)
    return golden(frames, source, q, [pose(row) for row in q])


def golden(frames, source, q, poses):
    return {
        "from": frames[0],
        "to": frames[1],
        "source": source,
        "q": q.tolist(),
        "pos": [p[:3, 3].round(7).tolist() for p in poses],
        "rot": [p[:3, :3].round(7).ravel().tolist() for p in poses],
    }


TYPED = {
    "iiwa7": (("base", "flange"), "C. Faria et al., Mech. Mach. Theory 121, 2018, table 1",
              np.stack((-IIWA7_LIMITS, IIWA7_LIMITS), axis=1), iiwa7),
    "wx250s": (("base_link", "ee_gripper"), "Trossen Robotics, X-Series arms, WidowX-250 6DOF, product of exponentials",
               WX250S_LIMITS, wx250s),
}  # fmt: skip


def make(name, urdf):
    """The golden of one arm: joint vectors within the URDF's limits and the flange's position and rotation at each."""
    first, last, _ = FRAMES[name]
    joints = chain(urdf, first, last)
    limits = [j.find("limit") for j in joints if j.get("type") == "revolute"]
    low, high = ([float(v.get(key)) for v in limits] for key in ("lower", "upper"))
    q = np.random.default_rng(SEED).uniform(low, high, (COUNT, len(limits))).round(4)
    return golden((first, last), "example-robot-data 6.0.0, " + FRAMES[name][2], q, [flange(joints, row) for row in q])


def installed(name):
    """The URDF in the installed package, wherever cmeel or pip put it."""
    for folder in map(Path, sys.path):
        for root in (folder / "cmeel.prefix/share", folder / "share", folder):
            file = root / "example-robot-data/robots" / FRAMES[name][2]
            if file.is_file():
                return file
    raise SystemExit(f"no {FRAMES[name][2]}: install example-robot-data, or give --urdf {name}=FILE")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--urdf", action="append", default=[], metavar="ARM=FILE")
    parser.add_argument("--arms", nargs="+", default=[*FRAMES, *TYPED], help="which (default all)")
    asked = parser.parse_args()
    given = dict(item.split("=", 1) for item in asked.urdf)
    for name in asked.arms:
        made = typed(*TYPED[name]) if name in TYPED else make(name, given.get(name) or installed(name))
        file = Path(__file__).with_name(f"fk_{name}.json")
        file.write_text(json.dumps(made, separators=(",", ":")) + "\n")
        print(f"{file}: {COUNT} poses, {made['from']} to {made['to']}")


if __name__ == "__main__":
    main()
