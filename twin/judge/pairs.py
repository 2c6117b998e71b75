"""Tables of pairs, one policy's success on real robots and in simulation a row: read, checked, and in one unit."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from twin.core.errors import TableError, nearest
from twin.judge.words import listed, several

ALIASES: Mapping[str, tuple[str, ...]] = {
    "task": ("task", "condition"),
    "policy": ("policy", "controller"),
    "real": ("real", "real_success"),
    "sim": ("sim", "sim_success"),
    "n": ("n", "n_real", "real_n"),
}
"""Columns and the names that they go by, the first that is there. `n`, the real episodes behind `real`, may be missing."""

OPTIONAL = ("n",)
Row = Mapping[str, Any]


def read_pairs(path: Path | str, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A CSV or Parquet table with the columns task, policy, real, sim, n (NaN: not told), rates as fractions.

    `columns` (`{"sim": "my_name"}`) names the table's own columns where `ALIASES` do not fit. A task of which one side was
    never measured is left out and named in `attrs["notes"]`. `TableError`, naming the row: a missing column, a hole, NaN,
    mixed units.
    """
    path = Path(path)
    try:
        rows, header, places = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _csv(path)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
        raise TableError(f"{path}: the table of pairs cannot be read: {why}") from None
    return clean(rows, header, places, name=path.name, columns=columns)


def of_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The same from a frame; what `read_pairs` gave comes back as it is."""
    name = str(frame.attrs.get("name") or "table")
    rows = [{str(k): _plain(v) for k, v in row.items()} for row in frame.astype(object).to_dict("records")]
    out = clean(rows, [str(c) for c in frame.columns], [f"row {i}" for i in range(len(rows))], name=name)
    out.attrs["notes"] = [
        *frame.attrs.get("notes", []),
        *(n for n in out.attrs["notes"] if n not in frame.attrs.get("notes", [])),
    ]
    return out


def _plain(value: Any) -> Any:
    """None for whatever a frame writes where there is nothing."""
    return None if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value


def _csv(path: Path) -> tuple[list[Row], list[str], list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        header = [str(c).strip() for c in reader.fieldnames or []]
        reader.fieldnames = header
        rows: list[Row] = []
        places: list[str] = []
        for i, row in enumerate(reader):
            places.append(f"row {i} (line {reader.line_num})")
            if None in row or None in row.values():
                raise TableError(f"{path.name}: {places[-1]}: {len(header)} cells are expected, as in the header")
            rows.append({k: v.strip() or None for k, v in row.items()})
    return rows, header, places


def _parquet(path: Path) -> tuple[list[Row], list[str], list[str]]:
    read = pq.read_table(path)
    rows: list[Row] = [{k: _plain(v) for k, v in row.items()} for row in read.to_pylist()]
    return rows, list(read.column_names), [f"row {i}" for i in range(len(rows))]


def clean(
    rows: Sequence[Row], header: Sequence[str], places: Sequence[str], *, name: str, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Rows as pairs, or `TableError`. `places` says where each row stands."""
    own = _own(header, name, columns or {})
    if not rows:
        raise TableError(f"{name}: no rows, so there is nothing to agree on")
    for row, place in zip(rows, places, strict=True):
        for key in ("task", "policy"):
            if row[own[key]] is None:
                raise TableError(f"{name}: {place}, column {own[key]!r}: empty; every pair names its task and policy")
    kept, notes = _measured(rows, own, name)
    told = [_told(rows[i], own, name, places[i]) for i in kept]
    scale = _scale(told, own, name)
    out = pd.DataFrame(
        {
            "task": [str(t["task"]) for t in told],
            "policy": [str(t["policy"]) for t in told],
            "real": pd.Series([t["real"] / scale for t in told], dtype="float64"),
            "sim": pd.Series([t["sim"] / scale for t in told], dtype="float64"),
            "n": pd.Series([t["n"] for t in told], dtype="float64"),
        }
    )
    out.attrs.update(name=name, notes=notes + _twice(out))
    return out


def _own(header: Sequence[str], name: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Each column → what the table calls it."""
    out = {}
    for key, known in ALIASES.items():
        wanted = (columns[key],) if key in columns else known
        found = next((c for c in wanted if c in header), None)
        if found is not None:
            out[key] = found
        elif key not in OPTIONAL or key in columns:
            also = f" (nor {listed([repr(w) for w in wanted[1:]])})" if len(wanted) > 1 else ""
            raise TableError(f"{name}: no column {wanted[0]!r}{also}" + nearest(wanted[0], header, what="columns"))
    return out


def _measured(rows: Sequence[Row], own: Mapping[str, str], name: str) -> tuple[list[int], list[str]]:
    """Rows of tasks that were measured on both sides, and a word on the tasks that were not."""
    has = {side: {str(r[own["task"]]) for r in rows if r[own[side]] is not None} for side in ("real", "sim")}
    kept = [i for i, r in enumerate(rows) if all(str(r[own["task"]]) in has[side] for side in has)]
    if not kept:
        raise TableError(
            f"{name}: no task has figures in both {own['real']!r} and {own['sim']!r}, so there is nothing to agree on"
        )
    notes = []
    for side, word in (("sim", "in simulation"), ("real", "on real robots")):
        missing = list(dict.fromkeys(str(r[own["task"]]) for r in rows if str(r[own["task"]]) not in has[side]))
        if missing:
            notes.append(f"left out, never measured {word}: {listed(missing)}")
    return kept, notes


def _told(row: Row, own: Mapping[str, str], name: str, place: str) -> dict[str, Any]:
    """One row's values, with where it stands."""
    place = f"{place}, task {row[own['task']]!r}, policy {row[own['policy']]!r}"
    out: dict[str, Any] = {"task": row[own["task"]], "policy": row[own["policy"]], "place": place, "n": math.nan}
    for key in ("real", "sim"):
        at = f"{name}: {place}, column {own[key]!r}"
        if row[own[key]] is None:
            raise TableError(f"{at}: nothing there, though other policies of this task have a figure")
        out[key] = _number(row[own[key]], at)
        if not 0 <= out[key] <= 100:
            raise TableError(f"{at}: {out[key]:g} is no success rate (0 to 1, or 0 to 100 %)")
    if "n" in own and row[own["n"]] is not None:
        at = f"{name}: {place}, column {own['n']!r}"
        out["n"] = _number(row[own["n"]], at)
        if not 1 <= out["n"] <= 1e9 or out["n"] != round(out["n"]):
            raise TableError(f"{at}: {out['n']:g} is no number of episodes")
    return out


def _number(value: Any, at: str) -> float:
    if isinstance(value, bool):
        raise TableError(f"{at}: {value!r} where a number is expected")
    try:
        number = float(value)
    except (TypeError, ValueError):
        hint = "; write 0.85, not 85%" if str(value).endswith("%") else "; decimals take a point" if "," in str(value) else ""
        raise TableError(f"{at}: {value!r} where a number is expected{hint}") from None
    if not math.isfinite(number):
        raise TableError(f"{at}: {number} is no success rate; leave a cell empty where nothing was measured")
    return number


def _scale(told: Sequence[Mapping[str, Any]], own: Mapping[str, str], name: str) -> float:
    """1 where rates are fractions, 100 where all are percentages; a mixture is refused with a row of each kind."""
    cells = [(t, key) for t in told for key in ("real", "sim")]
    percent = [(t, key) for t, key in cells if t[key] > 1]
    fraction = [(t, key) for t, key in cells if 0 < t[key] <= 1]
    if percent and fraction:
        odd, even, word = (
            (percent, fraction, "fractions") if len(percent) <= len(fraction) else (fraction, percent, "percentages")
        )
        (a, ak), (b, bk) = odd[0], even[0]
        raise TableError(
            f"{name}: {a['place']}, column {own[ak]!r}: {a[ak]:g} among {word} such as {b[bk]:g} ({b['place']}, "
            f"column {own[bk]!r}): mixed units; write every rate as a fraction, 0 to 1"
        )
    return 100.0 if percent else 1.0


def _twice(pairs: pd.DataFrame) -> list[str]:
    """A note where a policy has several pairs in one task (two robots, say): each counts as a pair."""
    repeated = pairs[pairs.duplicated(["task", "policy"])]
    if repeated.empty:
        return []
    return [f"{several(len(repeated), 'policy', 'policies')} with more than one pair in a task: each pair counts for itself"]
