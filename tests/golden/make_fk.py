"""Makes fk_ur3.json and fk_panda.json: flange poses at random joint vectors, from the URDFs of the package example-robot-data.

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


def make(name, urdf):
    """The golden of one arm: joint vectors within the URDF's limits and the flange's position and rotation at each."""
    first, last, _ = FRAMES[name]
    joints = chain(urdf, first, last)
    limits = [j.find("limit") for j in joints if j.get("type") == "revolute"]
    low, high = ([float(v.get(key)) for v in limits] for key in ("lower", "upper"))
    q = np.random.default_rng(SEED).uniform(low, high, (COUNT, len(limits))).round(4)
    poses = [flange(joints, row) for row in q]
    return {
        "from": first,
        "to": last,
        "source": "example-robot-data 6.0.0, " + FRAMES[name][2],
        "q": q.tolist(),
        "pos": [p[:3, 3].round(7).tolist() for p in poses],
        "rot": [p[:3, :3].round(7).ravel().tolist() for p in poses],
    }


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
    given = dict(item.split("=", 1) for item in parser.parse_args().urdf)
    for name in FRAMES:
        golden = make(name, given.get(name) or installed(name))
        file = Path(__file__).with_name(f"fk_{name}.json")
        file.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(f"{file}: {COUNT} poses, {golden['from']} to {golden['to']}")


if __name__ == "__main__":
    main()
