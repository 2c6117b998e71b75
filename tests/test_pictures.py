"""Ticks of a run, and the pictures made of them: stored or replayed they are the same, and what cannot be drawn is told."""

from __future__ import annotations

import errno
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.farm.scenes import cells, jobs, scene
from twin import pictures
from twin.cli import main
from twin.core.errors import AssetError, InputError, RunFolderError, SpecError, StorageError
from twin.log.tables import read_table
from twin.run import replay, run
from twin.scenario.load import load
from twin.world.render import Painter, _context

TWO_JOBS = jobs({"episodes": 9}, {"episodes": 9})


def ran(folder, ticks=None, seconds=8, **changes):
    made = scene(duration_s=seconds, cells=cells("a", "b"), log={"ticks": ticks, "snapshot_s": 2}, jobs=TWO_JOBS, **changes)
    (folder / "scene.yaml").write_text(json.dumps(made))
    return run(load(folder / "scene.yaml", engine="kinematic"), folder / f"runs-{ticks}", threads=1)


@pytest.fixture
def can_draw():
    try:
        _context((64, 64)).free()
    except AssetError as error:
        pytest.skip(str(error))


def test_ticks_are_kept_of_the_cells_asked_for_and_change_no_hash(tmp_path):
    with_, without = ran(tmp_path, "b"), ran(tmp_path)
    kept = pq.read_table(with_.folder / "ticks.parquet").to_pandas()
    ended = {row["episode"]: row for row in read_table(with_.folder, "episodes").to_pylist() if row["cell"] == "b"}
    assert set(kept["cell"]) == {"b"} and set(kept["episode"]) == set(ended)
    assert kept["t_s"].is_monotonic_increasing and len(kept["q"][0]) == 6 and len(kept["objects"][0]) == 7
    assert with_.meta["hash"] == without.meta["hash"] and not (without.folder / "ticks.parquet").exists()
    assert replay(with_.folder, threads=1).equal


def test_a_stored_episode_and_a_replayed_one_have_the_same_states(tmp_path):
    kept, made = (pictures.film(ran(tmp_path, ticks).folder, 3, threads=1)[0] for ticks in ("*", None))
    assert kept.stored and not made.stored
    for name in ("t_s", "q", "grip", "objects"):
        assert getattr(kept, name) == pytest.approx(getattr(made, name), abs=1e-6)


def test_a_run_that_comes_out_otherwise_is_not_passed_off_as_the_stored_one(tmp_path):
    folder = ran(tmp_path).folder
    meta = json.loads((folder / "run.json").read_text())
    meta["stored"]["spec"]["episode_timeout_s"] = 1.0
    (folder / "run.json").write_text(json.dumps(meta))
    with pytest.raises(RunFolderError, match="another run: draw it with the twin and processor that made it"):
        pictures.film(folder, 3, threads=1)


def test_ticks_of_no_cell_are_refused(tmp_path):
    with pytest.raises(SpecError, match=r"no cell's name matches 'c\*' \(cells: a, b\)"):
        ran(tmp_path, "c*")


@pytest.mark.parametrize(
    ("out", "sheet", "message"),
    [
        ("clip.avi", False, r"endings: \.gif, \.mp4, \.png"),
        ("farm.gif", True, "a sheet of the farm is a picture"),
        ("nowhere/clip.png", False, "there is no folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_run(out, sheet, message, tmp_path):
    with pytest.raises(InputError, match=message):
        pictures.check_out(tmp_path / out, sheet)


def test_an_episode_that_is_not_there_is_told_with_those_that_are(tmp_path, capsys):
    folder = ran(tmp_path).folder
    assert main(["render", str(folder), "--episode", "999", "--out", str(tmp_path / "x.png")]) == 2
    assert "no episode 999" in capsys.readouterr().err


@pytest.mark.usefixtures("can_draw")
def test_an_episode_becomes_a_strip_a_gif_and_a_video_and_the_farm_a_sheet(tmp_path):
    folder = ran(tmp_path, "*", seconds=5).folder
    pytest.importorskip("imageio_ffmpeg")
    for name in ("strip.png", "clip.gif", "clip.mp4"):
        assert (
            main(["render", str(folder), "--episode", "1", "--out", str(tmp_path / name), "--size", "64x64", "--fps", "1"]) == 0
        )
    assert main(["render", str(folder), "--out", str(tmp_path / "farm.png"), "--json"]) == 0
    with Image.open(tmp_path / "clip.gif") as clip, Image.open(tmp_path / "farm.png") as farm:
        assert clip.n_frames >= 2 and clip.size == (64, 64) and np.ptp(np.asarray(farm)) > 100
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.usefixtures("can_draw")
def test_the_picture_follows_the_arm(tmp_path):
    found, cell = pictures.film(ran(tmp_path, "*").folder, 1, threads=1)
    with Painter([cell], (64, 64)) as painter:
        first, again, last = (np.asarray(painter.picture([pictures._qpos(found, cell, i)])) for i in (0, 0, -1))
    assert np.array_equal(first, again) and not np.array_equal(first, last)


@pytest.mark.parametrize(("errno_", "error"), [(errno.ENOSPC, OSError), (errno.ENOENT, InputError)])
def test_of_a_picture_that_cannot_be_written_nothing_is_left_and_an_older_one_stays(errno_, error, tmp_path):
    (tmp_path / "a.gif").write_text("older")

    def write_half():
        with pictures._whole(tmp_path / "a.gif") as part:
            part.write_text("half")
            raise OSError(errno_, "no more")

    with pytest.raises(error):
        write_half()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.gif", "older")]


def test_a_clip_that_ffmpeg_cannot_write_is_told(tmp_path):
    frames = iter([Image.new("RGB", (64, 64))] * 3)
    with pytest.raises(StorageError, match="ffmpeg"):
        pictures._mp4(frames, tmp_path / "no" / "x.mp4", (64, 64), 25)


def test_a_driver_that_does_not_open_is_told_by_every_command(monkeypatch, capsys):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setattr("importlib.import_module", lambda name: (_ for _ in ()).throw(AttributeError("no glGetError")))
    assert main(["check", "quickstart"]) == 2
    assert "twin: MUJOCO_GL=osmesa names a driver that does not open here: unset it" in capsys.readouterr().err
