"""What the speed claims rest on: each module measures one thing and is run by `make bench`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable


def words(doc: str | None, known: Iterable[str], default: Iterable[str]) -> list[str]:
    """Those of the known words that the command line gives, or the default; `doc` is what `--help` prints."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="NAME", help=f"{', '.join(known)}; default: {' '.join(default)}")
    given: list[str] = parser.parse_args().words
    if unknown := [word for word in given if word not in set(known)]:
        parser.error(f"unknown: {' '.join(unknown)}; there are {', '.join(known)}")
    return given or list(default)
