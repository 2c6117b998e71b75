"""Copies a robot's files out of an installed package, beside the sidecar that lies here: then `scenario.yaml` can run it.

    python examples/robots/gather.py kuka_iiwa [--packages FOLDER] [--out FOLDER]

kuka_iiwa and franka_panda are in the package pybullet (`pip install 'robot-farm-twin[pybullet]'`), so101 in example-robot-data,
ur5e and kinova3 in robosuite. Where a package cannot be installed beside the twin (robosuite wants NumPy 1), unzip its wheel
(`pip download --no-deps robosuite`) and name the folder by --packages.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = {
    "kuka_iiwa": "pybullet_data/kuka_iiwa/model.urdf",
    "franka_panda": "pybullet_data/franka_panda/panda.urdf",
    "so101": "cmeel.prefix/share/example-robot-data/robots/so_arm_description/urdf/so101.urdf",
    "ur5e": "robosuite/models/assets/robots/ur5e/robot.xml",
    "kinova3": "robosuite/models/assets/robots/kinova3/robot.xml",
}
"""Where each robot's model lies in its package."""
PACKAGES = {
    "kuka_iiwa": "'robot-farm-twin[pybullet]'", "franka_panda": "'robot-farm-twin[pybullet]'", "so101": "example-robot-data",
    "ur5e": "robosuite", "kinova3": "robosuite",
}  # fmt: skip


def find(robot, folders):
    """The robot's model in the first of the folders that has it; None where none has."""
    return next((path for folder in folders if (path := Path(folder or ".") / SOURCES[robot]).is_file()), None)


def gather(robot, model, out):
    """Copy the folder of a model, and the sidecar that is here, into out/robot; returns the model's path there."""
    target = Path(out) / robot
    unread = shutil.ignore_patterns("*.dae", "*.mtl", "*.sdf", "*.blend")
    shutil.copytree(model.parent, target, ignore=unread, dirs_exist_ok=True)
    sidecar = next((HERE / robot).glob("*.yaml"))
    if target != HERE / robot:
        shutil.copy(sidecar, target)
    return target / model.name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("robot", choices=SOURCES)
    parser.add_argument("--packages", type=Path, help="a folder of unzipped wheels, instead of what is installed")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    folders = [args.packages] if args.packages else sys.path
    model = find(args.robot, folders)
    if model is None:
        known = f"no {SOURCES[args.robot]} in {args.packages or 'what is installed'}"
        sys.exit(f"{known}: pip install {PACKAGES[args.robot]}, or unzip its wheel and name the folder by --packages")
    print(f"{gather(args.robot, model, args.out)} written; next: twin run {Path(__file__).parent / 'scenario.yaml'}")


if __name__ == "__main__":
    main()
