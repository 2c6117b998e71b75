"""The gate's certificate: a JSON file that carries what was decided together with all that it was decided from.

`verify` needs the file and nothing else: it decides again from the values in it and compares every field. The digest finds
an edit of anything, derived or not. It is no signature: whoever can write the file can make a consistent one. Who must not
trust the author keeps the file where the author cannot write, or repeats runs by their seeds and compares hashes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from twin.core.errors import InputError, StorageError
from twin.judge.gate import Decision, Finding, Requirement, Run, decide
from twin.log.tables import replacing

VERSION = 1
ABOUT = (
    "alpha is about the twin: it bounds how often the gate releases a candidate that misses a requirement there, over fresh "
    "seeds; how well the twin stands for the real farm is for its calibration and the comparison with real logs to say"
)
UNCALIBRATED = "none was named: nothing measured on robots is known to stand behind this decision"
CALIBRATED = "the twin's figures come from the calibration with this digest"
TOLERANCE = 1e-7
"""Relative difference allowed to numbers that another machine derives again."""

SHOWN = 20


def document(
    decision: Decision, *, versions: Mapping[str, str] | None = None, calibration: str | None = None
) -> dict[str, Any]:
    """The certificate of a decision as plain data. `versions` of what ran, `calibration`: the digest that the twin rests on."""
    content: dict[str, Any] = {
        "certificate": VERSION,
        "release": decision.release,
        "epoch": decision.epoch,
        "decision": decision.word,
        "reasons": list(decision.reasons),
        "alpha": decision.alpha,
        "about": ABOUT,
        "calibration": {"digest": calibration, "says": UNCALIBRATED if calibration is None else CALIBRATED},
        "versions": dict(versions or {}),
        "must_pass": list(decision.must_pass),
        "requirements": [_requirement(finding, decision) for finding in decision.findings],
        "runs": [asdict(run) | {"values": _plain(run.values), "baseline": _plain(run.baseline)} for run in decision.runs],
    }
    return content | {"digest": _digest(content)}


def _requirement(finding: Finding, decision: Decision) -> dict[str, Any]:
    used = [run for run in decision.runs if run.scenario == finding.requirement.scenario][: finding.n]
    stated = {key: value for key, value in asdict(finding.requirement).items() if value is not None and value is not False}
    return stated | {
        "state": finding.state,
        "decided_after": finding.decided_after,
        "n": finding.n,
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "confidence": 1 - decision.alpha,
        "evidence": finding.evidence,
        "against": finding.against,
        "bar": 1 / decision.alpha,
        "seeds": [run.seed for run in used],
        "hashes": [run.hash for run in used],
    }


def _plain(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else float(value) for name, value in values.items()}


def write(path: Path, decision: Decision, *, versions: Mapping[str, str] | None = None, calibration: str | None = None) -> Path:
    """Write the certificate of a decision, all or nothing. Raises `StorageError`."""
    path = Path(path)
    text = json.dumps(
        document(decision, versions=versions, calibration=calibration), indent=1, ensure_ascii=False, allow_nan=False
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temp:
            temp.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: the certificate cannot be written: {error.strerror or error}") from error
    return path


def verify(path: Path) -> list[str]:
    """What is wrong with a certificate; empty where the decision follows from the runs in it and nothing was edited.

    Raises `InputError` for a file that is no certificate at all.
    """
    stored = read(path)
    problems = []
    content = {key: value for key, value in stored.items() if key != "digest"}
    if stored.get("digest") != (found := _digest(content)):
        problems.append(f"digest: the file says {stored.get('digest')}, its content gives {found}: it was edited")
    try:
        again = _again(stored)
    except InputError as error:
        return [*problems, str(error)]
    problems += _differences(content, {key: value for key, value in again.items() if key != "digest"}, "")
    more = len(problems) - SHOWN
    return problems if more <= 0 else [*problems[:SHOWN], f"and {more} more"]


def read(path: Path) -> dict[str, Any]:
    """The content of a certificate, unproven. Raises `InputError`: no file, no JSON, or not a certificate of this version."""
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_constant, object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: the certificate cannot be read: {error}") from error
    if not isinstance(stored, dict) or "certificate" not in stored:
        raise InputError(f"{path} is no certificate: `twin gate` writes one")
    if stored["certificate"] != VERSION or isinstance(stored["certificate"], bool):
        raise InputError(f"{path}: certificate of version {stored['certificate']!r}, this twin reads version {VERSION}")
    return stored


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a key that stands twice could show one value to a reader and another to us."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _again(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate that the stored runs and requirements give."""
    calibration = _typed(_typed(stored, "calibration", dict, ""), "digest", (str, type(None)), "calibration.")
    requirements = [
        _made(Requirement, entry, ("name", "scenario"), f"requirements[{i}]")
        for i, entry in enumerate(_typed(stored, "requirements", list, ""))
    ]
    runs = [
        _made(Run, entry, ("scenario", "index", "seed", "hash"), f"runs[{i}]")
        for i, entry in enumerate(_typed(stored, "runs", list, ""))
    ]
    decision = decide(
        requirements,
        runs,
        release=_typed(stored, "release", str, ""),
        epoch=_typed(stored, "epoch", int, ""),
        alpha=_typed(stored, "alpha", float, ""),
        must_pass=_typed(stored, "must_pass", list, ""),
    )
    return document(decision, versions=_typed(stored, "versions", dict, ""), calibration=calibration)


KINDS: Mapping[str, Any] = {
    "name": str,
    "scenario": str,
    "hash": str,
    "verdict": str,
    "sha256": str,
    "index": int,
    "seed": int,
    "values": dict,
    "baseline": dict,
    "lower_is_better": bool,
    "rerun": (str, type(None)),
    "baseline_hash": (str, type(None)),
}
"""The type of every field of a run or requirement in a file; the bounds are judged by `Requirement` itself."""


def _made(kind: type[Any], entry: Any, needed: Sequence[str], place: str) -> Any:
    """A `Run` or `Requirement` of one entry of the file."""
    if not isinstance(entry, dict):
        raise InputError(f"{place} must be an object, is {entry!r}")
    for key in [*needed, *(key for key in KINDS if key in entry)]:
        _typed(entry, key, KINDS[key], f"{place}.")
    try:
        return kind(**{key: entry[key] for key in kind.__dataclass_fields__ if key in entry})
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _typed(content: Mapping[str, Any], key: str, kind: Any, place: str) -> Any:
    value = content.get(key)
    if key not in content or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{place}{key} is {'missing' if key not in content else f'not what it should be: {value!r}'}")
    return value


def _differences(stored: Any, again: Any, place: str) -> list[str]:
    """Where two trees of plain data part, one line each."""
    if isinstance(stored, dict) and isinstance(again, dict):
        found = [f"{place}{key} is {'missing' if key in again else 'not known'}" for key in sorted(set(stored) ^ set(again))]
        return found + [d for key in again if key in stored for d in _differences(stored[key], again[key], f"{place}{key}.")]
    if isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        pairs = enumerate(zip(stored, again, strict=True))
        return [d for i, (a, b) in pairs for d in _differences(a, b, f"{place.removesuffix('.')}[{i}].")]
    if _same(stored, again):
        return []
    return [f"{place.removesuffix('.')}: the file says {stored!r}, its runs give {again!r}"]


def _same(stored: Any, again: Any) -> bool:
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (stored, again))
    if numbers and (isinstance(stored, float) or isinstance(again, float)):
        return math.isclose(stored, again, rel_tol=TOLERANCE, abs_tol=1e-12)
    return type(stored) is type(again) and bool(stored == again)
