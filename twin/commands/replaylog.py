"""`twin replay-log`: a real run driven again in simulation, and how fast the two come apart."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.commands import say


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))


_names.__name__, _numbers.__name__ = "list of columns", "list of numbers"  # argparse names a type by it


def _define(command: argparse.ArgumentParser) -> None:
    _define_log(command)
    command.add_argument("--robot", required=True, metavar="MODEL", help="an MJCF or URDF file, or a robot that ships")
    command.add_argument(
        "--joints", type=_names, default=None, metavar="A,B,…", help="the model's joints in the columns' order"
    )
    command.add_argument(
        "--resync-s", type=float, default=1.0, metavar="S", help="start again from the log so often; default 1"
    )
    _define_drive(command)


def _define_log(command: argparse.ArgumentParser) -> None:
    """What the log's columns are."""
    command.add_argument(
        "log",
        type=Path,
        metavar="LOG",
        help="signals over time (CSV, Parquet, NPZ, HDF5, a bag, a LeRobot data set), or a calibration plan that maps them",
    )
    command.add_argument("--log", default="", dest="of", metavar="NAME", help="which log of a plan")
    command.add_argument("--time", default="", metavar="COLUMN", help="default: guessed from the names, as all columns are")
    command.add_argument(
        "--time-unit", default="", choices=("s", "ms", "us", "ns", "iso8601"), help="default: as the column's name ends, or s"
    )
    command.add_argument("--rate-hz", type=float, metavar="F", help="rows a second, where the log has no column of time")
    command.add_argument(
        "--position",
        type=_names,
        default=(),
        metavar="A,B,…",
        help="positions, a joint each; of a plan: its signal (default: q)",
    )
    command.add_argument("--unit", default="rad", choices=("rad", "deg"), help="of the positions")


def _define_drive(command: argparse.ArgumentParser) -> None:
    """What drives the robot, and how."""
    command.add_argument(
        "--drive",
        type=_names,
        default=(),
        metavar="A,B,…",
        help="what drives the robot: torques, or commands; of a plan: its signal (default: tau, or command)",
    )
    command.add_argument(
        "--drive-scale",
        type=_numbers,
        default=(1.0,),
        metavar="X,Y,…",
        help="torque of one count of the drive, Nm (of a current: constant times gear); one for all, or one a column",
    )
    command.add_argument(
        "--actuators",
        action="store_true",
        help="the drive is what the model's actuators are commanded; a model without any is given position servos",
    )
    command.add_argument(
        "--servo-radps",
        type=_numbers,
        default=(30.0,),
        metavar="X,Y,…",
        help="how stiff those are, critically damped, as the part `delays` fits them; default 30",
    )
    command.add_argument(
        "--delay-ms",
        type=_numbers,
        default=(0.0,),
        metavar="X,Y,…",
        help="the drive takes effect so much later than it is logged",
    )


def _replay(arguments: argparse.Namespace) -> int:
    from twin.calibrate.dynamics.replay import Asked, replay
    from twin.core.errors import InputError

    a = arguments
    for option, value in (("--resync-s", a.resync_s), ("--rate-hz", a.rate_hz), ("--servo-radps", min(a.servo_radps))):
        if value is not None and not value > 0:
            raise InputError(f"{option} {value:g}: it must be more than zero")
    units = {"unit": a.unit, "time_unit": a.time_unit, "scale": a.drive_scale, "rate_hz": a.rate_hz}
    drives = {"actuators": a.actuators, "delay_ms": a.delay_ms, "servo_radps": a.servo_radps}
    ask = Asked(a.time, a.position, a.drive, joints=a.joints, resync_s=a.resync_s, log=a.of, **units, **drives)
    found = replay(a.log, a.robot, ask)
    if a.json:
        both = {"resync": _table(found.resync, found.joints), "open_loop": _table(found.open_loop, found.joints)}
        say.print_json({"log": a.log, "robot": a.robot, "columns": found.columns, **both, "doubts": found.doubts, "status": 0})
        return 0
    for what, names in found.columns.items():
        print(f"{what}: {', '.join(names)}")
    _print(f"started anew every {a.resync_s:g} s", found.resync, found.joints)
    _print("open loop", found.open_loop, found.joints)
    for doubt in found.doubts:
        print(f"\nwarning: {doubt}")
    say.then("twin calibrate PLAN.yaml with a part of kind dynamics fits the model to the log (docs/calibrate.md)")
    return 0


def _table(growth: Any, joints: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = zip(growth.horizon_s, growth.simulated, growth.still, strict=True)
    return [
        {
            "horizon_s": float(h),
            "simulated_rad": dict(zip(joints, map(float, sim), strict=True)),
            "standing_still_rad": dict(zip(joints, map(float, still), strict=True)),
            "starts": growth.starts,
            "diverged": growth.lost,
        }
        for h, sim, still in rows
    ]


def _print(what: str, growth: Any, joints: tuple[str, ...]) -> None:
    lost = f", {growth.lost} of them diverged" if growth.lost else ""
    print(f"\n{what}: rms error in rad over {growth.starts} starts{lost} (beside it: the error of standing still)")
    print("  horizon  " + "  ".join(f"{joint[:18]:>18s}" for joint in joints))
    for h, sim, still in zip(growth.horizon_s, growth.simulated, growth.still, strict=True):
        print(f"  {h:6.2f} s " + "  ".join(f"{a:8.3f} ({b:7.3f})" for a, b in zip(sim, still, strict=True)))


COMMANDS: Mapping[str, say.Command] = {
    "replay-log": say.Command(
        "drive a simulated robot with a real log, and see how fast the two come apart",
        "twin replay-log run.csv --robot double_pendulum --position pos_meas1,pos_meas2 --drive tau_meas1,tau_meas2",
        _replay,
        _define,
    ),
}
