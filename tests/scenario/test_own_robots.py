"""A robot of one's own in a fleet: it works like one that ships; what is wrong with its files is told once, in place."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from twin.cli import main
from twin.core.assets import asset
from twin.core.errors import RunFolderError
from twin.log.tables import read_table
from twin.run import replay, run
from twin.scenario.load import check, load
from twin.world.cell import build_cell
from twin.world.compose import Robot
from twin.world.own.spec import OwnSpec
from twin.world.own.trial import tried
from twin.world.spec import GripperSpec, WorkcellSpec

EXAMPLES = Path(__file__).parents[2] / "examples" / "robots"
PACKAGES = [os.environ.get("TWIN_ROBOT_PACKAGES", ""), *sys.path]
"""Where robots of packages are looked for: a folder of unzipped wheels, and what is installed."""
SCENARIO = """\
scenario: own
fleet:
  fleet: own
  grippers: {{g: {{kind: {kind}, stroke_mm: 78}}}}
  robots: {{mine: {{model: {model}, gripper: g, control_ms: 40}}}}
  resets: [{{kind: automatic, success: 1, seconds: 1}}]
  cells: [{{name: c, count: {count}, robots: [{{robot: mine}}], tasks: [{task}]}}]
duration_s: {duration_s}
policy: {{kind: scripted, perception_error_mm: 0}}
jobs: [{{kind: poisson, per_hour: 1, at_start: {count}, task: {task}, episodes: 1}}]
"""
SIDECAR = """\
home_rad: [-0.38386, -1.65431, 1.6862, -1.60269, -1.570796, -1.954656]
tool: {link: wrist_3, at_m: [0, 0.0819, 0], rpy_rad: [1.5707963, 0, 3.1415927]}
limits:
  velocity_radps: [3.14159265359, 3.14159265359, 3.14159265359, 6.28318530718, 6.28318530718, 6.28318530718]
  acceleration_radps2: [10, 10, 10, 20, 20, 20]
"""
"""Of the UR3 that ships, brought as if it were the user's."""
LINK = """\
  <link name="{name}"><inertial><mass value="{mass}"/><inertia ixx="{i}" iyy="{i}" izz="{i}" ixy="0" ixz="0" iyz="0"/>
    </inertial><collision><geometry>{shape}</geometry></collision></link>
"""
JOINT = """\
  <joint name="{name}" type="{type}"><parent link="{parent}"/><child link="{child}"/><axis xyz="0 1 0"/>
    <origin xyz="0 0 0.2"/><limit lower="-2" upper="2" effort="{effort}" velocity="2"/></joint>
"""


def urdf(mass="1", i="0.01", shape='<sphere radius="0.05"/>', kind="revolute", effort="20"):
    """An arm of one joint: enough to be refused."""
    links = LINK.format(name="base", mass=1, i=0.01, shape=shape) + LINK.format(name="tip", mass=mass, i=i, shape=shape)
    return f'<robot name="r">\n{links}{JOINT.format(name="j", type=kind, parent="base", child="tip", effort=effort)}</robot>\n'


def written(folder, model="mine.urdf", text=None, sidecar="home_rad: [0]\ntool: {link: tip}\n", **more):
    """A scenario with a robot of one's own; returns its path."""
    (folder / model).write_text(urdf() if text is None else text)
    if sidecar is not None:
        (folder / model).with_suffix(".yaml").write_text(sidecar)
    asked = {"kind": "parallel", "task": "pick_place", "count": 1, "duration_s": 25} | more
    (folder / "scenario.yaml").write_text(SCENARIO.format(model=model, **asked))
    return folder / "scenario.yaml"


def ur3(folder, **more):
    return written(folder, "mine.xml", asset("robots/ur3.xml").read_text(), SIDECAR, **more)


def told(path):
    return [str(problem).replace(f"{path.parent}/", "") for problem in check(path)]


def test_the_ur3_by_its_file_moves_as_the_one_that_ships(tmp_path):
    ur3(tmp_path)
    own = OwnSpec.model_validate(load(tmp_path / "scenario.yaml").spec.fleet.robots["mine"].own)
    mine, ships = (
        build_cell(robot, GripperSpec(), WorkcellSpec()) for robot in (Robot(str(tmp_path / "mine.xml"), own), Robot("ur3"))
    )
    poses = mine.arm.home + np.linspace(-0.5, 0.5, 5)[:, None]
    for of_mine, of_ships in zip(mine.arm.fk(poses), ships.arm.fk(poses), strict=True):
        assert of_mine == pytest.approx(of_ships, abs=1e-6)
    assert mine.arm.torque == pytest.approx(ships.arm.torque) and mine.arm.limits == pytest.approx(ships.arm.limits)
    assert mine.model.body_mass.sum() == pytest.approx(ships.model.body_mass.sum())


def test_it_works_in_a_farm_and_replays_until_its_file_changes(tmp_path):
    result = run(load(ur3(tmp_path, count=2)), tmp_path / "runs", threads=1)
    episodes = read_table(result.folder, "episodes").to_pylist()
    assert [row["truth"] for row in episodes] == [True, True] and {row["robot_model"] for row in episodes} == {"mine.xml"}
    assert replay(result.folder, threads=1).equal
    (tmp_path / "mine.xml").write_text((tmp_path / "mine.xml").read_text().replace('mass="2.0"', 'mass="2.1"'))
    with pytest.raises(RunFolderError, match=r"own/.*mine\.xml is not what it was"):
        replay(result.folder, threads=1)


def test_it_is_tried_where_no_loop_was_compiled_before(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cold"))
    assert load(ur3(tmp_path)).cells


@pytest.fixture
def gathered(monkeypatch, tmp_path):
    """Makes a scenario of three cells with a robot out of a package."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import gather

    def made(robot, kind="parallel"):
        model = gather.find(robot, PACKAGES)
        if model is None:
            pytest.skip(f"the package with {robot} is not installed (see examples/robots/gather.py)")
        at, path = gather.gather(robot, model, tmp_path), tmp_path / "scenario.yaml"
        path.write_text(SCENARIO.format(model=at.relative_to(tmp_path), kind=kind, task="pick_place", count=3, duration_s=25))
        return path

    return made


@pytest.mark.parametrize(
    ("robot", "kind"),
    [("kuka_iiwa", "parallel"), ("franka_panda", "own"), ("so101", "parallel"), ("ur5e", "parallel"), ("kinova3", "parallel")],
)
def test_robots_of_packages_pick_and_place(robot, kind, gathered, tmp_path):
    result = run(load(gathered(robot, kind)), tmp_path / "runs", threads=1)
    assert [row["truth"] for row in read_table(result.folder, "episodes").to_pylist()] == [True] * 3


def test_a_robot_of_ones_own_works_on_pybullet_too(gathered, tmp_path):
    pytest.importorskip("pybullet")
    result = run(load(gathered("kuka_iiwa"), engine="pybullet"), tmp_path / "runs", threads=1)
    assert [row["truth"] for row in read_table(result.folder, "episodes").to_pylist()] == [True] * 3


def meshed(name):
    return urdf(shape=f'<mesh filename="{name}"/>')


NO_MASS = "mine.urdf:4:3: link 'tip' moves about joint 'j' and has no mass or no inertia: give it"
BAD_FILES = {
    "a mesh that is not there": (meshed("m/base.stl"), "mine.urdf:3:37: there is no 'm/base.stl' beside mine.urdf"),
    "a mesh in a package": (meshed("package://arm/a.stl"), "mine.urdf:3:37: 'package://arm/a.stl' is in a ROS package"),
    "a mesh outside": (meshed("../../a.stl"), "mine.urdf:3:37: '../../a.stl' lies outside the robot's folder"),
    "a mesh of Collada": (meshed("mine.dae"), "mine.urdf:3:37: 'mine.dae' is none of .stl, .obj, .msh, .png: convert it"),
    "no mass": (urdf(mass="0"), NO_MASS),
    "no inertia": (urdf(i="0"), NO_MASS),
    "no XML": ("<robot>", "mine.urdf:1:8: not XML: no element found"),
    "no encoding": ('<?xml version="1.0" encoding="foo"?>\n<robot/>', "mine.urdf:1:1: an encoding that nobody reads"),
    "no robot": ("<sdf/>", "mine.urdf:1:1: <sdf> is no robot: a URDF begins with <robot>, an MJCF file with <mujoco>"),
    "entities": ('<!DOCTYPE r [<!ENTITY a "b">]>\n<robot/>', "mine.urdf:1:13: a document type can define entities without end"),
    "a name of markup": (urdf().replace('"j"', '"&lt;j"'), "mine.urdf:6:3: name: '<j' is no name that every engine reads"),
    "a mesh of no name": (meshed(""), "mine.urdf:3:37: <mesh> names no file"),
    "one name twice": (urdf().replace('"tip"', '"base"'), "mine.urdf:4:3: a second link called 'base'"),
    "limits the wrong way": (urdf().replace('"-2"', '"5"'), "mine.urdf:7:28: lower 5 lies above upper 2"),
    "no torque": (urdf(effort="0"), "mine.yaml:1:1: the file says no torque limit of j: give torque_Nm"),
    "no hinge": (urdf(kind="prismatic"), "mine.yaml:2:14: joint 'j' on the way to the tool is no hinge"),
}
WORLD = '<mujoco>{}<worldbody><body name="tip"><joint name="j"/><geom size=".1" mass="1"/></body></worldbody></mujoco>'
HUNDREDS = '<replicate count="200"><replicate count="200"><body/></replicate></replicate>'
WIDE = '<asset><texture name="t" type="2d" builtin="flat" width="20000" height="9" rgb1="1 1 1"/></asset>'
ABOVE = '<compiler meshdir="../.."/><asset><mesh file="x.stl"/></asset>'
BAD_MJCF = {
    "includes from outside": ('<include file="../other.xml"/>', "'../other.xml' lies outside the robot's folder"),
    "includes from the root": ('<include file="/etc/passwd"/>', "'/etc/passwd' lies outside the robot's folder"),
    "includes itself": ('<include file="mine.xml"/>', "'mine.xml' includes itself"),
    "endless replicas": ('<replicate count="100000"><body/></replicate>', "makes more than 20000 elements of this robot"),
    "replicas of replicas": (HUNDREDS, "makes more than 20000 elements of this robot"),
    "replicas by no number": ('<replicate count="²"><body/></replicate>', "count: '²' is no whole number of replicas"),
    "fewer than no replicas": ('<replicate count="-5"><body/></replicate>', "count: '-5' is no whole number of replicas"),
    "includes nothing": ("<include/>", "<include> names no file"),
    "a texture that fills memory": (WIDE, "a texture of more than 4096 pixels a side"),
    "replicas without end": (f'<replicate count="{"9" * 5000}"/>', "makes more than 20000 elements of this robot"),
    "a name too long": (f'<include file="{"a" * 5000}"/>', "cannot be a file's name: File name too long"),
    "no time step": ('<option timestep="0"/>', "timestep: '0' s is no positive time step"),
    "plugins": ('<extension><plugin plugin="p"/></extension>', "<extension> has no place in a robot of rigid bodies"),
    "meshes from outside": (ABOVE, "'x.stl' lies outside the robot's folder"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_urdf_is_told_in_one_line_with_its_place(case, tmp_path):
    text, message = BAD_FILES[case]
    (tmp_path / "mine.dae").write_text("")
    path = written(tmp_path, text=text)
    found = told(path)
    assert main(["run", str(path), "--out", str(tmp_path / "runs")]) == 2 and not (tmp_path / "runs").exists()
    assert len(found) == (2 if "mesh" in case else 1) and found[0].startswith(message)


@pytest.mark.parametrize("case", BAD_MJCF)
def test_an_mjcf_of_strangers_reaches_nothing_and_blows_nothing_up(case, tmp_path):
    part, message = BAD_MJCF[case]
    found = told(written(tmp_path, "mine.xml", WORLD.format(part)))
    assert len({line.partition(": ")[2] for line in found}) <= 2 and message in found[0] and found[0].startswith("mine.xml:1:")


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        (None, "scenario.yaml:5:18: mine.urdf needs its sidecar 'mine.yaml' beside it"),
        ("home_rad: [0]\n", "mine.yaml:1:1: key 'tool' is missing"),
        ("home_rad: [0]\ntool: {link: tpi}\n", "mine.yaml:2:14: the robot has no link 'tpi' (links: base, tip); did you mean"),
        ("home_rad: [0, 1]\ntool: {link: tip}\n", "mine.yaml:1:11: 2 for the 1 joints of the arm (j)"),
        ("home_rad: [3]\ntool: {link: tip}\n", "mine.yaml:1:11: 3 rad of 'j' lies outside its range of -2 to 2"),
        ("home_rad: [0]\ntool: {link: tip}\n", "mine.yaml:1:11: in this pose the tool (its z) does not point down"),
        ("home_rad: [0]\ntool: {link: tip}\nlimit: {}\n", "mine.yaml:3:1: unknown key 'limit'"),
    ],
)  # fmt: skip
def test_a_bad_sidecar_is_told_at_its_key(sidecar, message, tmp_path):
    found = told(written(tmp_path, sidecar=sidecar))
    assert any(line.startswith(message) for line in found) and len({line.partition(": ")[0] for line in found}) <= 2


@pytest.mark.parametrize(
    ("fingers", "message"),
    [("", "needs the robot's two finger joints"), ("fingers: [k, j]", "no joint 'k'"), ("fingers: [j, j]", "'j' is no slide")],
)
def test_own_fingers_are_two_slides(fingers, message, tmp_path):
    found = told(written(tmp_path, sidecar=f"home_rad: [0]\ntool: {{link: tip}}\n{fingers}\n", kind="own"))
    assert len(found) == 1 and message in found[0]


def test_an_arm_that_ships_has_no_fingers_of_its_own(tmp_path):
    path = written(tmp_path, kind="own")
    path.write_text(path.read_text().replace("mine.urdf", "ur3"))
    assert "gripper 'g' is the robot's own, and ur3 ships with none" in told(path)[0]


def test_a_file_that_is_not_there_names_the_nearest(tmp_path):
    path = written(tmp_path)
    path.write_text(path.read_text().replace("mine.urdf", "mina.urdf"))
    assert told(path) == [
        "scenario.yaml:5:26: no file 'mina.urdf' beside the fleet (known: mine.urdf); did you mean 'mine.urdf'?"
    ]


@pytest.mark.parametrize(
    ("was", "put", "message"),
    [
        ('mass="2.0"', 'mass="inf"', "link 'shoulder' weighs inf kg; at most 10000 are believed"),
        ('<joint type="hinge" damping="1" range="-', '<joint type="hinge" damping="1" range="9', "to 6.283: low first"),
    ],
)
def test_numbers_that_no_arm_has_are_told(was, put, message, tmp_path):
    text = asset("robots/ur3.xml").read_text()
    found = told(written(tmp_path, "mine.xml", text.replace(was, put), SIDECAR))
    assert was in text and len(found) == 1 and found[0].endswith(message)


def test_what_has_no_name_gets_one_and_sizes_are_not_a_models_to_say(tmp_path, recwarn):
    more = '<size memory="9T"/><worldbody><body><geom size=".1"/></body>'
    path = written(tmp_path, "mine.xml", asset("robots/ur3.xml").read_text().replace("<worldbody>", more), SIDECAR)
    robot = Robot(str(tmp_path / "mine.xml"), load(path).spec.fleet.robots["mine"].own)
    model = build_cell(robot, GripperSpec(), WorkcellSpec()).model
    assert all(model.body(k).name for k in range(model.nbody)) and not recwarn


@pytest.mark.parametrize(("name", "limit"), [("mine.xml", "8 MB"), ("mine.yaml", "32 MB")])
def test_files_of_strangers_are_not_read_beyond_their_size(name, limit, tmp_path):
    path = ur3(tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.truncate(1 << 40)  # takes no room on the disk, and more than all memory once read
    assert any(line.startswith(f"{name}: has more than {limit}") for line in told(path))


def test_a_model_that_is_no_plain_file_is_told(tmp_path):
    path = ur3(tmp_path)
    (tmp_path / "mine.xml").unlink()
    (tmp_path / "mine.xml").mkdir()
    assert told(path) == ["scenario.yaml:5:26: 'mine.xml' is no plain file (known: none)"]


def test_compiling_ends_at_its_limit_of_memory(tmp_path):
    ur3(tmp_path)
    own = load(tmp_path / "scenario.yaml").spec.fleet.robots["mine"].own
    came = tried(tmp_path / "mine.xml", own, GripperSpec(), WorkcellSpec(), most=100 << 20)
    assert "did not survive" in came.error and "at most 60 s" in came.error


def test_compiling_ends_at_its_limit_of_time(tmp_path):
    ur3(tmp_path)
    own = load(tmp_path / "scenario.yaml").spec.fleet.robots["mine"].own
    assert "takes more than 0 s" in tried(tmp_path / "mine.xml", own, GripperSpec(), WorkcellSpec(), seconds=0).error


def test_meshes_can_be_done_without(tmp_path):
    shutil.copy(asset("robots/ur3.xml"), tmp_path / "mine.xml")
    text = (
        (tmp_path / "mine.xml").read_text().replace("<worldbody>", '<asset><mesh name="m" file="gone.stl"/></asset><worldbody>')
    )
    assert len(told(written(tmp_path, "mine.xml", text, SIDECAR))) == 1
    assert told(written(tmp_path, "mine.xml", text, SIDECAR + "meshes: false\n")) == []
