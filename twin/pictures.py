"""Pictures of a run: a clip or film strip of one episode, a sheet of the whole farm. From stored ticks, else by a replay.

Where a run kept no ticks it is run again from its start, which gives the same states bit for bit, up to what is to be shown.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from twin.build import build, model_of
from twin.core.clock import US, to_us
from twin.core.errors import InputError, RunFolderError, StorageError, nearest
from twin.core.records import Floats
from twin.farm.ticks import Ticks
from twin.log.tables import read_meta, read_table
from twin.log.ticks import FILE as TICKS_FILE
from twin.log.ticks import latest as latest_ticks
from twin.log.ticks import of_episode
from twin.run import folder_name
from twin.scenario.load import Scenario
from twin.scenario.stored import revive
from twin.world.cell import CellModel
from twin.world.render import Painter

Progress = Callable[[float, float], None]
SUFFIXES = (".mp4", ".gif", ".png")
STRIP = (4, 2)
"""Columns and rows of a film strip."""
TILE = (320, 240)
"""Of a strip or sheet, pixels."""
GOOD, BAD, PLAIN = (0, 114, 178), (213, 94, 0), (90, 90, 90)
"""Blue, vermilion (Okabe and Ito's) and grey: success, failure, neither."""
HALF = "ffmpeg could not write the clip: is the disk full?"
SAME_S = 0.5
"""Between the last tick of an episode and its end: a control period or two."""
CHUNK_S = 10.0
"""A replayed run is looked at in pieces of so many simulated seconds."""


@dataclass(frozen=True)
class Film:
    """The states of one episode: t_s (T,), q (T, nq) rad, grip (T,) m, objects (T, things, 7); `row` of the episode table."""

    row: Mapping[str, Any]
    t_s: Floats
    q: Floats
    grip: Floats
    objects: Floats
    stored: bool


def film(folder: Path, episode: int, threads: int = 2, progress: Progress | None = None) -> tuple[Film, CellModel]:
    """An episode of a run, by its number. Raises `RunFolderError`, or `InputError` for an episode that it does not have."""
    meta = read_meta(folder)
    scenario = _physics(folder, meta)
    rows = read_table(folder, "episodes").to_pylist()
    row = next((row for row in rows if row["episode"] == episode), None)
    if row is None:
        known = [row["episode"] for row in rows]
        told = f"{folder} has episodes {min(known)} to {max(known)}" if known else f"{folder} has no episode at all"
        raise InputError(f"no episode {episode}: {told}")
    cell = row["cell"]
    table = of_episode(folder, episode)
    if table is not None:
        return _film(row, table.to_pylist(), stored=True), _model(scenario, cell)
    ends_s = row["start_s"] + row["duration_s"]
    ticks = [t for t in _replayed(scenario, cell, ends_s, threads, progress) if t["episode"] == episode]
    _same(folder, row, ticks)
    return _film(row, ticks, stored=False), _model(scenario, cell)


def clip(found: Film, cell: CellModel, out: Path, size: tuple[int, int], fps: int) -> Path:
    """Write an episode as .mp4, .gif or (a film strip) .png; the picture's speed is the robot's."""
    if out.suffix.lower() == ".png":
        return _strip(found, cell, out)
    count = max(2, round((found.t_s[-1] - found.t_s[0]) * fps) + 1)
    with Painter([cell], size) as painter, _whole(out) as part:
        pictures = (_frame(painter, found, cell, t) for t in np.linspace(found.t_s[0], found.t_s[-1], count))
        (_mp4 if out.suffix.lower() == ".mp4" else _gif)(pictures, part, size, fps)
    return out


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Where to write what becomes `out` once all of it is written; nothing is left of it otherwise."""
    part = out.with_name(f".part-{out.name}")
    try:
        yield part
        part.replace(out)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise InputError(f"--out {out}: nothing can be written there ({error.strerror})") from None
        raise
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sheet(folder: Path, out: Path, at_s: float | None = None, threads: int = 2, progress: Progress | None = None) -> Path:
    """Write a PNG of the whole farm at a time (left out: its end): a tile a cell, how its latest episode there stood."""
    meta = read_meta(folder)
    scenario = _physics(folder, meta)
    until_s = scenario.spec.duration_s if at_s is None else at_s
    if not 0 < until_s <= scenario.spec.duration_s:
        raise InputError(f"--at-s {until_s:g}: the run has {scenario.spec.duration_s:g} s")
    if scenario.spec.log.ticks == "*" and (folder / TICKS_FILE).is_file():
        latest: dict[str, Any] = latest_ticks(folder, until_s)
    else:
        latest = {tick["cell"]: tick for tick in _replayed(scenario, "*", until_s, threads, progress)}
    if not latest:
        raise InputError(f"no cell ran an episode before {until_s:g} s: there is nothing to show")
    ends = {row["episode"]: row for row in read_table(folder, "episodes").to_pylist()}
    tiles = []
    for name in [cell.name for cell in scenario.cells]:
        if (tick := latest.get(name)) is None:
            tiles.append(_labelled(Image.new("RGB", TILE, (235, 235, 235)), [name, "no episode yet"], PLAIN))
            continue
        row = ends.get(tick["episode"])
        with Painter([model := _model(scenario, name)], TILE) as painter:
            picture = painter.picture([_qpos(_film({}, [tick], stored=False), model, 0)])
        ended, colour = "under way", PLAIN
        if row is not None and row["start_s"] + row["duration_s"] <= until_s:
            _same(folder, row, [tick])
            ended, colour = _ended(row)
        tiles.append(_labelled(picture, [f"{name}, episode {tick['episode']}", f"t = {tick['t_s']:.1f} s, {ended}"], colour))
    columns = min(len(tiles), max(1, round((1.3 * len(tiles)) ** 0.5)))
    return _grid(tiles, columns, out, f"{scenario.name}, seed {scenario.seed}: each cell's latest episode at {until_s:g} s")


def check_out(out: Path, sheet: bool) -> None:
    """Raises `InputError` for a file that cannot be written as what it is called."""
    known = (".png",) if sheet else SUFFIXES
    if out.suffix.lower() not in known:
        what = "a sheet of the farm is a picture" if sheet else "an episode is a clip or a film strip"
        raise InputError(f"--out {out}: {what}{nearest(out.suffix, known, what='endings')}")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    if out.suffix.lower() == ".mp4":
        _ffmpeg()


def _physics(folder: Path, meta: Mapping[str, Any]) -> Scenario:
    if meta.get("tier") != "physics":
        raise InputError(
            f"{folder} is of the outcome tier, whose episodes are drawn and not simulated: there is nothing to see"
        )
    return revive(meta.get("stored") or {})


def _model(scenario: Scenario, cell: str) -> CellModel:
    spec = next(c.spec for c in scenario.cells if c.name == cell)
    return model_of(scenario, (spec.robots[0].robot, spec.workcell))


def _replayed(
    scenario: Scenario, cells: str, until_s: float, threads: int, progress: Progress | None
) -> Iterator[Mapping[str, Any]]:
    """The ticks of cells up to a time, from the run's start."""
    farm = build(scenario, folder_name(scenario), threads)
    farm.episodes.ticks = ticks = Ticks(cells)
    farm.begin()
    end_us, due_us = to_us(until_s), 0
    while due_us < end_us:
        due_us = min(end_us, due_us + to_us(CHUNK_S))
        while farm.step(due_us):
            pass
        farm.book.new.clear()
        farm.book.episodes.clear()
        if progress is not None:
            progress(due_us / US, end_us / US)
        yield from ticks.take()


def _same(folder: Path, row: Mapping[str, Any], ticks: Sequence[Mapping[str, Any]]) -> None:
    """Raises `RunFolderError` where a run that was run again is not the one that is stored: ticks end when the episode did."""
    if not ticks or abs(ticks[-1]["t_s"] - row["start_s"] - row["duration_s"]) > SAME_S:
        mend = f"draw it with the twin and processor that made it, or let such a run keep log: {{ticks: '{row['cell']}'}}"
        raise RunFolderError(f"{folder} kept no ticks, and run again here it is another run: {mend}")


def _film(row: Mapping[str, Any], ticks: Sequence[Mapping[str, Any]], *, stored: bool) -> Film:
    t_s, q, grip = (np.array([t[key] for t in ticks], np.float64) for key in ("t_s", "q", "grip_m"))
    return Film(row, t_s, q, grip, np.array([np.reshape(t["objects"], (-1, 7)) for t in ticks], np.float64), stored)


def _qpos(found: Film, cell: CellModel, i: int) -> Floats:
    return cell.posed(found.q[i], float(found.grip[i]), found.objects[i])


def _frame(painter: Painter, found: Film, cell: CellModel, t_s: float) -> Image.Image:
    """The state at a time, with what it is of."""
    i = min(int(np.searchsorted(found.t_s, t_s - 1e-9)), len(found.t_s) - 1)
    row, last = found.row, i == len(found.t_s) - 1
    ended, colour = _ended(row) if last else ("", PLAIN)
    words = [f"{row['cell']}, episode {row['episode']}: {row['task']}", f"t = {found.t_s[i] - row['start_s']:.2f} s  {ended}"]
    return _labelled(painter.picture([_qpos(found, cell, i)]), words, colour)


def _ended(row: Mapping[str, Any]) -> tuple[str, tuple[int, int, int]]:
    if row["truth"] is None:
        return str(row["end_reason"] or "cut off by the run's end"), PLAIN
    return ("success", GOOD) if row["truth"] else (f"failed ({row['end_reason']})", BAD)


def _labelled(picture: Image.Image, words: Sequence[str], colour: tuple[int, int, int]) -> Image.Image:
    """Two lines of text on a strip at the bottom, in a colour that says how it ended (so do the words)."""
    draw, (wide, high) = ImageDraw.Draw(picture), picture.size
    size = max(11, high // 22)
    font = ImageFont.load_default(size=size)
    draw.rectangle((0, high - 3 * size, wide, high), fill=colour)
    for k, line in enumerate(words):
        draw.text((size // 2, high - 3 * size + 0.25 * size + 1.3 * size * k), line, fill=(255, 255, 255), font=font)
    return picture


def _strip(found: Film, cell: CellModel, out: Path) -> Path:
    with Painter([cell], TILE) as painter:
        times = np.linspace(found.t_s[0], found.t_s[-1], STRIP[0] * STRIP[1])
        tiles = [_frame(painter, found, cell, t) for t in times]
    return _grid(tiles, STRIP[0], out, "")


def _grid(tiles: Sequence[Image.Image], columns: int, out: Path, title: str) -> Path:
    """Tiles side by side, a title above where there is one."""
    above, gap = 28 * bool(title), 4
    rows = -(-len(tiles) // columns)
    whole = Image.new("RGB", (columns * (TILE[0] + gap) + gap, rows * (TILE[1] + gap) + gap + above), (255, 255, 255))
    for i, tile in enumerate(tiles):
        whole.paste(tile, (gap + (i % columns) * (TILE[0] + gap), above + gap + (i // columns) * (TILE[1] + gap)))
    ImageDraw.Draw(whole).text((gap + 4, 7), title, fill=(30, 30, 30), font=ImageFont.load_default(size=15))
    with _whole(out) as part:
        whole.save(part, optimize=True)
    return out


def _gif(pictures: Iterator[Image.Image], out: Path, size: tuple[int, int], fps: int) -> None:
    frames = [picture.quantize(128) for picture in pictures]
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0, optimize=False)


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(
            "an .mp4 needs imageio-ffmpeg, which is not installed: pip install 'robot-farm-twin[video]', or --out …gif"
        ) from error
    return imageio_ffmpeg


def _mp4(pictures: Iterator[Image.Image], out: Path, size: tuple[int, int], fps: int) -> None:
    writer = _ffmpeg().write_frames(
        str(out), size, fps=fps, codec="libx264", quality=8, macro_block_size=2, ffmpeg_log_level="error"
    )
    try:
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(np.asarray(picture)))
        writer.close()
    except OSError:  # the pipe to it broke
        raise StorageError(f"{HALF}; what it says of it stands above") from None
    if not out.is_file() or not out.stat().st_size:
        raise StorageError(f"{HALF}; what it says of it stands above")
