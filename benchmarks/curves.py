"""Small line charts as SVG, for the docs: colours that the colour-blind tell apart, axes with units, no library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73")
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 520, 330, 64, 500, 44, 280

Points = Sequence[tuple[float, float]]


class Panel:
    """One chart: curves and dots over linear axes from zero."""

    def __init__(self, across: str, up: str, title: str) -> None:
        self.across, self.up, self.title = across, up, title
        self.drawn: list[tuple[str, Points, str, int]] = []

    def curve(self, points: Points, name: str, *, dashed: bool = False, colour: int = 0) -> None:
        """A line through points, with its name at the end."""
        self.drawn.append(("dashes" if dashed else "line", points, name, colour))

    def dots(self, points: Points, colour: int = 0) -> None:
        """Rings."""
        self.drawn.append(("dots", points, "", colour))

    def body(self, x0: float) -> str:
        """The chart's elements, `x0` from the left."""
        every = [p for _, points, _, _ in self.drawn for p in points]
        most_x, most_y = (_round(max(p[k] for p in every)) for k in (0, 1))

        def at(p: tuple[float, float]) -> tuple[float, float]:
            return x0 + LEFT + (RIGHT - LEFT - 50) * p[0] / most_x, BOTTOM - (BOTTOM - TOP) * p[1] / most_y

        out = [_text(x0 + LEFT - 40, 18, self.title, bold=True), _text(x0 + LEFT - 40, TOP - 8, self.up)]
        out.append(_text(x0 + (LEFT + RIGHT) / 2, HIGH - 12, self.across, "middle"))
        for k in range(5):
            (left, y), (right, _) = at((0, most_y * k / 4)), at((most_x, 0))
            out.append(f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(_text(left - 6, y + 4, f"{most_y * k / 4:g}", "end"))
            x, y = at((most_x * k / 4, 0))
            out.append(_text(x, y + 18, f"{most_x * k / 4:g}", "middle"))
        for kind, points, name, colour in self.drawn:
            places = [at(p) for p in points]
            ink = COLOURS[colour]
            if kind == "dots":
                out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="none" stroke="{ink}"/>' for x, y in places]
                continue
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            dash = ' stroke-dasharray="6 4"' if kind == "dashes" else ""
            out.append(f'<polyline points="{way}" fill="none" stroke="{ink}" stroke-width="2"{dash}/>')
            out.append(_text(places[-1][0] + 6, places[-1][1] + 4, name, ink=ink))
        return "\n".join(out)


def draw(panels: Sequence[Panel]) -> str:
    """Charts side by side in one file."""
    wide = WIDE * len(panels)
    style = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {HIGH}" width="{wide}" {style}>'
    inner = "\n".join(panel.body(k * WIDE) for k, panel in enumerate(panels))
    return f'{head}\n<rect width="{wide}" height="{HIGH}" fill="white"/>\n{inner}\n</svg>\n'


def _text(x: float, y: float, words: str, anchor: str = "start", *, bold: bool = False, ink: str = "#222") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{ink}"{weight}>{escape(words)}</text>'


def _round(value: float) -> float:
    """The next number that four steps divide well."""
    scale = 1.0
    while scale * 10 <= value:
        scale *= 10
    while scale > value:
        scale /= 10
    return next(scale * m for m in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if scale * m >= value)
