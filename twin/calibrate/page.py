"""The report of a calibration: one HTML file that opens anywhere, made from results alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from twin.calibrate.drift import Drift
from twin.calibrate.overlay import Made
from twin.calibrate.result import Estimate, PartResult, Score
from twin.calibrate.spec import Plan
from twin.calibrate.whole import Failed
from twin.core.errors import StorageError
from twin.judge import report
from twin.log.tables import replacing

HERE = Path(__file__).parent
STYLE = Path(report.__file__).parent / "style.css"


def render(
    plan: Plan,
    results: Sequence[PartResult],
    made: Made,
    out: Path,
    drift: Drift | None = None,
    failed: Sequence[Failed] = (),
) -> Path:
    """Write the page to `out`. `drift`: against an earlier calibration, where there was one; `failed`: parts that found
    nothing. Raises `StorageError`."""
    env = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, autoescape=True, trim_blocks=True)
    env.filters |= {"number": number, "svg": Markup}
    text = env.get_template("page.html.j2").render(
        css=Markup(STYLE.read_text(encoding="utf-8")),
        plan=plan.spec,
        made=made,
        parts=[_part(result) for result in results],
        drift=drift,
        failed=failed,
        counts=_counts(results),
        used=list(dict.fromkeys(e.source for result in results for e in result.estimates if e.source)),
    )
    try:
        with replacing(out) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror or error}") from error
    return out


def number(value: Any) -> str:
    """A number as people read it; what is not known is a dash."""
    if value is None:
        return "—"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, tuple | list):
        return f"{len(value)} values"
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def _part(result: PartResult) -> dict[str, Any]:
    told = [e for e in result.estimates if not _plumbing(e)]
    return {
        "result": result,
        "known": [e for e in told if e.identified],
        "unknown": [e for e in told if not e.identified],
        "scores": [(score, verdict(score)) for score in result.scores],
        "findings": sorted(result.findings, key=lambda f: ("refused", "warning", "note").index(f.level)),
    }


def _plumbing(estimate: Estimate) -> bool:
    """Words and tables that make up a distribution; a reader wants its values."""
    return isinstance(estimate.value, str | bool | tuple)


def verdict(score: Score) -> str:
    """A score beside its reference in one word; two that look the same in the table are alike."""
    if score.reference is not None and number(float(score.ours)) == number(float(score.reference)):
        return "alike"
    return {True: "better", False: "worse", None: ""}[score.better]


def _counts(results: Sequence[PartResult]) -> dict[str, int]:
    estimates = [e for result in results for e in result.estimates if not _plumbing(e)]
    scores = [s for result in results for s in result.scores if s.better is not None]
    return {
        "known": sum(e.identified for e in estimates),
        "unknown": sum(not e.identified for e in estimates),
        "better": sum(verdict(s) == "better" for s in scores),
        "alike": sum(verdict(s) == "alike" for s in scores),
        "scores": len(scores),
        "refused": sum(f.level == "refused" for result in results for f in result.findings),
        "warnings": sum(f.level == "warning" for result in results for f in result.findings),
    }
