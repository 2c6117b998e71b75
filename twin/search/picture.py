"""An envelope as a picture of its own: SVG with its own colours, told apart by shape as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twin.judge.report import svg
from twin.judge.words import short
from twin.search.envelope import Axis, Edge, Options, Point

LEFT, RIGHT, TOP, BOTTOM = 110.0, 1000.0, 74.0, 430.0
STYLE = (
    "<style>text{font:15px system-ui,sans-serif;fill:#1b1f22}.h{font-weight:600;font-size:18px}.dim{fill:#59636b}"
    ".grid{stroke:#d9dee2}.axis{stroke:#59636b}.edge{fill:#e69f00;opacity:.35}.whisk{stroke-width:2.2;stroke:#59636b}"
    ".holds{fill:#0072b2;stroke:#0072b2}.fails{fill:none;stroke:#b04300;stroke-width:3}.open{fill:#fff;stroke:#59636b}"
    ".curve{fill:none;stroke:#1b1f22;stroke-width:2.6}</style>"
)


def draw(edges: Sequence[Edge], axes: Sequence[Axis], check: str, options: Options, scenario: str) -> str:
    """One quantity: the share of seeds that hold, with intervals, and where the frontier lies; two: the frontier as a curve."""
    body = _one(edges[0], axes[0], options) if len(axes) == 1 else _two(edges, axes, options)
    seeds = f"{options.seeds} seeds a point"
    title = f"{scenario}: {check} over {' and '.join(a.quantity.name for a in axes)}"
    head = [svg.text(LEFT, 26, title, cls="h"), svg.text(LEFT, 50, _legend(len(axes), seeds, options), cls="dim")]
    drawn = svg.figure([STYLE, *head, *body], height=500, alt=title)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" style="background:#fff" ', 1) + "\n"


def _legend(axes: int, seeds: str, options: Options) -> str:
    marks = "● holds  ·  × fails  ·  ○ nothing to judge"
    more = f"bars: exact {100 * options.confidence:g} % intervals" if axes == 1 else "line: the frontier"
    return f"{marks}  ·  shaded: where the edge lies  ·  {more}  ·  {seeds}"


def _frame(x: svg.Scale, y: svg.Scale, x_words: str, y_words: str, percent: bool) -> Iterator[str]:
    for t in svg.ticks(x.low, x.high, 8):
        yield svg.line(x(t), TOP, x(t), BOTTOM, cls="grid") + svg.text(x(t), BOTTOM + 22, short(t), anchor="middle")
    for t in svg.ticks(y.low, y.high, 5):
        label = f"{100 * t:g} %" if percent else short(t)
        yield svg.line(LEFT, y(t), RIGHT, y(t), cls="grid") + svg.text(LEFT - 10, y(t) + 5, label, anchor="end")
    yield svg.line(LEFT, BOTTOM, RIGHT, BOTTOM, cls="axis") + svg.line(LEFT, TOP, LEFT, BOTTOM, cls="axis")
    yield svg.text((LEFT + RIGHT) / 2, BOTTOM + 50, x_words, anchor="middle")
    yield f'<text transform="translate(26 {svg.fix((TOP + BOTTOM) / 2)}) rotate(-90)" text-anchor="middle">{y_words}</text>'


def _named(axis: Axis) -> str:
    unit = f" ({axis.quantity.unit})" if axis.quantity.unit else ""
    return f"{axis.quantity.name}{unit}: {axis.quantity.about}"


def _one(edge: Edge, axis: Axis, options: Options) -> Iterator[str]:
    x, y = svg.Scale(axis.low, axis.high, LEFT, RIGHT), svg.Scale(0, 1, BOTTOM, TOP)
    yield from _frame(x, y, _named(axis), "share of runs in which it holds", percent=True)
    yield from _shaded(edge, x, TOP, BOTTOM - TOP)
    for point in edge.points:
        found = point.interval(options.confidence)
        at = x(point.values[0])
        if found.low is not None and found.high is not None:
            yield svg.line(at, y(found.low), at, y(found.high), cls="whisk")
        yield _mark(at, y(found.value if found.value is not None else 0.5), point, options)


def _two(edges: Sequence[Edge], axes: Sequence[Axis], options: Options) -> Iterator[str]:
    first, second = axes
    x, y = svg.Scale(first.low, first.high, LEFT, RIGHT), svg.Scale(second.low, second.high, BOTTOM, TOP)
    unit = f" ({second.quantity.unit})" if second.quantity.unit else ""
    yield from _frame(x, y, _named(first), f"{second.quantity.name}{unit}", percent=False)
    for edge in edges:
        yield from _shaded(edge, x, y(edge.at[0]) - 9, 18)
        for point in edge.points:
            yield _mark(x(point.values[0]), y(edge.at[0]), point, options)
    middle = [(x((e.holds + e.fails) / 2), y(e.at[0])) for e in edges if e.holds is not None and e.fails is not None]
    if len(middle) > 1:
        yield svg.path(middle, cls="curve")


def _shaded(edge: Edge, x: svg.Scale, top: float, height: float) -> Iterator[str]:
    if edge.holds is not None and edge.fails is not None:
        low, high = sorted((x(edge.holds), x(edge.fails)))
        words = f"{short(min(edge.holds, edge.fails))} to {short(max(edge.holds, edge.fails))}"
        yield svg.rect(low, top, max(high - low, 2.0), height, cls="edge", title=f"the edge lies at {words}")


def _mark(x: float, y: float, point: Point, options: Options) -> str:
    word = point.word(options.share)
    if word == "fails":
        return f'<path class="fails" d="M{svg.fix(x - 6)} {svg.fix(y - 6)}l12 12m0 -12l-12 12"/>'
    return f'<circle class="{"holds" if word == "holds" else "open"}" cx="{svg.fix(x)}" cy="{svg.fix(y)}" r="5.5"/>'
