"""A small page of its own: a title, a lead, and parts of tables and figures, in the style of the report. Opens offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from twin.core.errors import StorageError

HERE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; heads that begin with `>` stand over columns of numbers."""
    right = [head.startswith(">") for head in heads]

    def cell(tag: str, text: Any, number: bool) -> str:
        told = text if isinstance(text, Markup) else escape(str(text))
        return f"<{tag}{' class=r' if number else ''}>{told}</{tag}>"

    head = "".join(cell("th", text.lstrip(">"), number) for text, number in zip(heads, right, strict=True))
    body = "".join("<tr>" + "".join(cell("td", t, n) for t, n in zip(row, right, strict=True)) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def page(over: str, title: str, lead: str, parts: Sequence[tuple[str, str]]) -> str:
    """The page as text; `parts`: headings, and HTML that is written as it stands."""
    css = (HERE / "style.css").read_text(encoding="utf-8")
    sections = "".join(f"<section><h2>{escape(head)}</h2>{html}</section>" for head, html in parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · robot-farm twin</title><style>\n{css}</style></head><body>"
        f'<header class="top"><p class="over">robot-farm twin · {escape(over)}</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(lead)}</p></header><main>{sections}</main></body></html>\n'
    )


def put(html: str, out: Path) -> Path:
    """Write a page, all or nothing. Raises `StorageError`."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(out.name + ".part")
        part.write_text(html, encoding="utf-8", newline="\n")
        os.replace(part, out)
    except OSError as error:
        raise StorageError(f"{out}: the page cannot be written ({error.strerror})") from None
    return out
