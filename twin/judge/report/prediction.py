"""The page of a prediction: predicted beside published, and what hangs on each assumption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.judge.report import plots, sheet
from twin.judge.words import count, num, short


def write(found: Mapping[str, Any], out: Path) -> Path:
    """Write the page of what `twin predict` found. Raises `StorageError`."""
    rate = float(found["rate"])
    lead = (
        f"{found['about']} Simulated in the outcome tier for {short(found['days'])} days, it yields {num(rate)} episodes "
        f"a cell and hour, {num(found['usable'])} of them usable."
    )
    lead = " ".join([lead, *(miss(b["predicted"], b["low"], b["high"], b["published"]) for b in found["beside"])])
    parts = [("Predicted beside published", _beside(found))] if found["beside"] else []
    parts.append(("What hangs on each assumption", _assumptions(found["assumptions"], rate)))
    return sheet.put(sheet.page("prediction", str(found["name"]), lead, parts), Path(out))


def miss(predicted: float, low: float, high: float, published: float) -> str:
    """Whether the published count lies in the range, and if not by how much the prediction misses it."""
    told = f"published {count(round(published))}, predicted {count(round(predicted))}"
    if low <= published <= high:
        return f"The published count lies inside the range of the assumptions ({told})."
    factor = max(predicted, published) / max(min(predicted, published), 1e-9)
    return f"The prediction misses what was published by a factor of {num(factor, 2)} ({told}): an assumption is wrong."


def _beside(found: Mapping[str, Any]) -> str:
    html = ""
    for b in found["beside"]:
        row = plots.Range("predicted episodes", b["low"], b["predicted"], b["high"], count(round(b["predicted"])))
        word = f"published {count(round(b['published']))}"
        alt = f"predicted {num(b['predicted'])}, {num(b['low'])} to {num(b['high'])}; {word}"
        html += plots.ranges([row], axis="episodes", alt=alt, mark=(b["published"], word))
    rows = [
        (b["source"], count(round(b["published"])), count(round(b["predicted"])),
         f"{count(round(b['low']))} to {count(round(b['high']))}", num(b["predicted"] / b["published"]),
         "inside" if b["low"] <= b["published"] <= b["high"] else "outside")
        for b in found["beside"]
    ]  # fmt: skip
    heads = [
        "Published",
        ">Count",
        ">Predicted",
        ">Range of all assumptions",
        ">Predicted / published",
        "The published count lies",
    ]
    note = "The range takes the assumptions as independent: squared logarithms of their factors add up. Nothing was fitted."
    return html + sheet.table(heads, rows) + f'<p class="note">{note}</p>'


def _assumptions(held: Any, rate: float) -> str:
    rows = [
        plots.Range(_short(a), min(a["at_low"], a["at_high"]), rate, max(a["at_low"], a["at_high"]), f"for {_ends(a)}")
        for a in held
    ]
    figure = plots.ranges(
        rows, axis="episodes a cell and hour", alt="Range of the prediction for each assumption, widest first"
    )
    heads = ["Number", ">Taken", ">From", ">To", ">Yield at the low end", ">At the high end", "Why"]
    table = [
        (a["path"], short(a["value"]), short(a["low"]), short(a["high"]), num(a["at_low"]), num(a["at_high"]), a["source"])
        for a in held
    ]
    return figure + sheet.table(heads, table)


def _short(a: Mapping[str, Any]) -> str:
    """What the assumption is about, short enough for a chart."""
    steps = [step for step in str(a["path"]).split(".") if step not in ("fleet", "outcomes", "entries", "results", "robots")]
    text = " ".join(steps[-3:] if not steps[-2].isdigit() else [steps[-1], f"(result {int(steps[-2]) + 1})"])
    return text.replace("_", " ")


def _ends(a: Mapping[str, Any]) -> str:
    return f"{short(a['low'])} to {short(a['high'])}"


def write_sweep(name: str, path: str, points: Sequence[Mapping[str, Any]], out: Path) -> Path:
    """Write the page of yield and waiting over one number of a scenario. Raises `StorageError`."""
    rates = [plots.Curve("usable", [(p["value"], p["usable"]) for p in points])]
    waits = [(p["value"], p["wait_s"] / 60) for p in points if p["wait_s"] is not None]
    axis = path.replace("_", " ")
    parts = [("Yield", plots.curves(rates, x_axis=axis, y_axis="usable episodes a cell and hour", alt=f"Yield over {axis}"))]
    if waits:
        line = [plots.Curve("mean wait", waits)]
        parts.append(
            ("Waiting", plots.curves(line, x_axis=axis, y_axis="minutes until a person begins", alt=f"Wait over {axis}"))
        )
    rows = [(short(p["value"]), num(p["rate"]), num(p["usable"]), num(p["wait_s"])) for p in points]
    heads = [f">{path}", ">Episodes a cell and hour", ">Usable", ">Mean wait for a person (s)"]
    parts.append(("The same as a table", sheet.table(heads, rows)))
    lead = f"What the farm yields, and how long its cells wait for people, with {path} at several values."
    return sheet.put(sheet.page("sweep", name, lead, parts), Path(out))
