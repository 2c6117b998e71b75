"""A suite's results as JUnit XML, as GitHub, GitLab, Jenkins and others read it."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from twin.suite.results import Results, Row, failed_checks, write_text

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Results) -> str:
    """The XML text: a suite a scenario, a case a seed. A check that fails is a failure; whatever else is no pass, an error."""
    top = ElementTree.Element("testsuites", {"name": "twin suite", **_sums(list(results.rows))})
    _properties(top, {"hash": results.hash, "verdict": results.verdict})
    for name, rows in groupby(results.rows, key=lambda row: row.scenario):
        group = list(rows)
        suite = ElementTree.SubElement(top, "testsuite", {"name": _clean(name), **_sums(group)})
        for row in group:
            _case(suite, row)
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=False) + "\n"


def write_junit(results: Results, path: Path) -> Path:
    """The XML as a file."""
    return write_text(path, '<?xml version="1.0" encoding="UTF-8"?>\n' + junit(results))


def _case(suite: ElementTree.Element, row: Row) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_clean(row.scenario),
        name=_clean(f"{row.scenario}[seed={row.seed}]"),
        file=_clean(row.file_from_here),
        time=f"{row.wall_s or 0:.3f}",
    )
    named = {"seed": row.seed, "hash": row.hash, "run_folder": row.folder, "reproduce": row.reproduce}
    more = {"verdict": row.verdict, "engine": row.engine, "sha256": row.sha256, "key": row.key, "stored": row.stored}
    _properties(case, {**named, **more})
    if row.verdict != "pass":
        kind = "failure" if row.verdict == "fail" else "error"
        told = ElementTree.SubElement(case, kind, type=row.verdict, message=_clean(summary_of(row)))
        told.text = _clean("\n".join(details(row)))


def summary_of(row: Row) -> str:
    """One line on a row that did not pass."""
    first = row.reasons[0].splitlines()[0] if row.reasons and row.reasons[0] else "no reason is known"
    more = f" (and {len(row.reasons) - 1} more)" if len(row.reasons) > 1 else ""
    return f"{row.verdict}: {first}{more}"


def details(row: Row) -> list[str]:
    """All that is known of a row that did not pass: reasons, checks with their evidence, how to see it again."""
    lines = list(row.reasons)
    for check in failed_checks(row):
        evidence = ", ".join(map(str, check.get("evidence") or ()))
        word = "undecided" if check.get("passed") is None else "fails"
        lines.append(f"{word}: {check.get('name')} {check.get('bound')}" + f" (see {evidence})" * bool(evidence))
    lines.append(f"reproduce: {row.reproduce}")
    if row.folder:
        lines.append(f"look at it: twin report {row.folder}")
    return lines


def _sums(rows: list[Row]) -> dict[str, str]:
    failures = sum(row.verdict == "fail" for row in rows)
    errors = sum(row.verdict not in ("pass", "fail") for row in rows)
    seconds = sum(row.wall_s or 0.0 for row in rows)
    return {"tests": str(len(rows)), "failures": str(failures), "errors": str(errors), "skipped": "0", "time": f"{seconds:.3f}"}


def _properties(parent: ElementTree.Element, values: dict[str, object]) -> None:
    box = ElementTree.SubElement(parent, "properties")
    for name, value in values.items():
        ElementTree.SubElement(box, "property", name=name, value=_clean("" if value is None else str(value)))


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
