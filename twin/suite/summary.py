"""A suite's results for people: Markdown for the page of a CI job, and annotations at the scenario's line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from twin.core.yaml import read
from twin.suite.junit import details, summary_of
from twin.suite.results import WORST, Results, Row, share, write_text

SHOWN = 50
"""Units that are told in full; a job page takes about a megabyte."""

_MARKS = {"pass": "✅", "fail": "❌", "lost": "💥", "refused": "⛔", "void": "⚪", "undecided": "❔"}
_MEANS = {
    "fail": "a check does not hold",
    "lost": "the worker died, hung or met a bug",
    "refused": "the input was refused while running",
    "void": "nothing was proven: a fault did not act, or the physics broke down",
    "undecided": "too little evidence for a verdict",
}


def markdown(results: Results, title: str = "Suite") -> str:
    """The summary: the word, a table a scenario, then what did not pass, the worst first, each with how to see it again."""
    word = results.verdict
    parts = [
        f"## {_MARKS[word]} {title}: {word}",
        f"{share(results.counts)} of {len(results.rows)} units · hash `{results.hash[:16]}`",
    ]
    parts.append(_table(results))
    bad = results.bad()
    means = [f"*{kind}*: {_MEANS[kind]}" for kind in WORST if kind in results.counts and kind in _MEANS]
    if means:
        parts.append("; ".join(means) + ".")
    parts += [_told(row) for row in bad[:SHOWN]]
    if len(bad) > SHOWN:
        parts.append(f"… and {len(bad) - SHOWN} more; all are in `suite.json`.")
    return "\n\n".join(parts) + "\n"


def write_markdown(results: Results, path: Path, title: str = "Suite") -> Path:
    """The summary as a file."""
    return write_text(path, markdown(results, title))


def _table(results: Results) -> str:
    words = [word for word in reversed(WORST) if word in results.counts]
    lines = ["| scenario | units | " + " | ".join(words) + " | robot-hours |", "| --- | ---: |" + " ---: |" * (len(words) + 1)]
    for name, rows in groupby(results.rows, key=lambda row: row.scenario):
        group = list(rows)
        counts = [sum(row.verdict == word for row in group) for word in words]
        hours = sum(row.robot_s or 0.0 for row in group) / 3600
        cells = [_cell(name), str(len(group)), *(str(n) if n else "" for n in counts), f"{hours:.3g}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _told(row: Row) -> str:
    head = f"### {_MARKS[row.verdict]} {_cell(row.scenario)}, seed {row.seed}: {row.verdict}"
    lines = "\n".join(_fenced(line) for line in details(row))
    return f"{head}\n\n```text\n{lines}\n```"


def _fenced(text: str) -> str:
    """A line that cannot end the block it stands in."""
    return text.replace("```", "'''")


def _cell(text: str) -> str:
    """Text that cannot break out of a table's cell."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def github_errors(rows: Sequence[Row]) -> list[str]:
    """GitHub's workflow commands: an error at the scenario's line (the failing check's, where one fails) for each row."""
    return [
        f"::error file={_property(row.file_from_here)},line={line_of(row)},title={_property(row.scenario)} seed {row.seed}"
        f"::{_data(summary_of(row) + ' · ' + row.reproduce)}"
        for row in rows
    ]


def line_of(row: Row) -> int:
    """The line of a row's scenario file to point at: its first failing check, else the key `scenario`."""
    file = Path(row.file)
    if not file.is_file():
        return 1
    marks = read(file).marks
    failing = [i for i, check in enumerate(row.checks) if check.get("passed") is not True]
    wanted = [("checks", i) for i in failing[:1]] + [("scenario",)]
    return next((marks[loc].key_line or marks[loc].line for loc in wanted if loc in marks), 1)


def on_github() -> bool:
    """Whether this runs in GitHub's Actions."""
    return bool(os.environ.get("GITHUB_ACTIONS"))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
