"""Makes reports/sample-quickstart.html and reports/sample-ur3_cobotops.html, and docs/report.png, a picture of the first.

make reports

The runs are shorter than the scenarios say, so that this takes a minute or two; the recorded cell stands beside its published
figures, never beside the recording itself.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from twin.judge.report import render
from twin.log.tables import read_run
from twin.run import run
from twin.scenario.load import load

ROOT = Path(__file__).resolve().parent.parent


class Sample(NamedTuple):
    """How a sample is made: simulated seconds, and published figures to stand beside."""

    duration_s: float
    published: tuple[str, ...] = ()


SAMPLES: Mapping[str, Sample] = {"quickstart": Sample(300), "ur3_cobotops": Sample(1200, ("ur3_cobotops",))}
MOST_BYTES = 300_000
WIDTH, HEIGHT = 1100, 1400
PLACE = re.compile(r"(?<![\w.~<])/(?:home|root|tmp|usr|var|mnt|opt|Users|[\w-]+/[\w-]+/[\w-]+)/")
"""What a path of one machine looks like."""


def make(name: str, sample: Sample, runs: Path) -> Path:
    """Run a scenario that ships and write its report; refuses one that is too large or names a place on this machine."""
    began = time.monotonic()
    result = run(load(name, duration_s=sample.duration_s), runs, threads=2)
    out = render(read_run(result.folder), [], ROOT / "reports" / f"sample-{name}.html", published=sample.published)
    text = out.read_text(encoding="utf-8")
    if found := PLACE.search(text):
        raise SystemExit(f"{out} names a place on this machine: {text[found.start() : found.start() + 60]!r}")
    if len(text.encode()) > MOST_BYTES:
        raise SystemExit(f"{out} has {len(text.encode())} bytes, more than {MOST_BYTES}")
    print(f"{out.relative_to(ROOT)}: {result.verdict}, {out.stat().st_size / 1000:.0f} kB, {time.monotonic() - began:.0f} s")
    return out


def picture(page: Path, out: Path) -> bool:
    """A picture of the top of a page, by chromium; False where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return False
    with tempfile.TemporaryDirectory(prefix="twin-picture-") as temp:
        shot = Path(temp) / "shot.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={temp}/profile"]
        size = f"--window-size={WIDTH},{HEIGHT}"
        subprocess.run([chromium, *options, size, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
        small = io.BytesIO()
        Image.open(shot).convert("RGB").save(small, "PNG", optimize=True)
        out.write_bytes(small.getvalue())
    return True


def main(names: Sequence[str]) -> int:
    """Make all samples, or those that are named."""
    with tempfile.TemporaryDirectory(prefix="twin-samples-") as runs:
        pages = {name: make(name, SAMPLES[name], Path(runs)) for name in names or SAMPLES}
    if "quickstart" in pages:
        out = ROOT / "docs" / "report.png"
        made = picture(pages["quickstart"], out)
        said = f"{out.stat().st_size / 1000:.0f} kB" if made else "there is no chromium, so it stays as it is"
        print(f"{out.relative_to(ROOT)}: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
