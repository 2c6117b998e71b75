"""What `ping` prints, as columns: `seq`, the number of each message, and `ms`, its round trip; none where no answer came."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from twin.core.errors import TableError
from twin.core.records import Floats

COLUMNS = ("seq", "ms")
_ANSWER = re.compile(r"(?:icmp_seq|icmp_req|seq)[=:\s]*(\d+).*?time[=<]\s*([\d.]+)\s*ms")
_PLAIN = re.compile(r"time[=<]\s*([\d.]+)\s*ms")
_SILENCE = re.compile(r"timed? ?out|timeout|unreachable", re.IGNORECASE)
_WRAPS = 1 << 16
"""Numbers of messages begin again after so many."""


def is_ping(path: Path) -> bool:
    """Whether a file begins as what ping prints does."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = next((line for line in file if line.strip()), "")
    except OSError:
        return False
    return bool(re.match(r"\s*(\[[\d.]+\]\s*)?(PING |Pinging |\d+ bytes from )", first))


def read(path: Path) -> dict[str, Floats]:
    """`seq` (n,) and `ms` (n,), NaN where no answer came: a number that lacks, or a line that says so. Raises `TableError`."""
    seq: list[int] = []
    ms: list[float] = []
    last, numbered = -1, False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if (told := _ANSWER.search(line)) is not None:
            number = int(told[1]) + (0 if last < 0 else (last // _WRAPS) * _WRAPS)
            number += _WRAPS if last - number > _WRAPS // 2 else 0
            if number <= last:  # an answer that came twice
                continue
            missing = range(last + 1, number) if numbered else range(0)
            seq += [*missing, number]
            ms += [*([np.nan] * len(missing)), float(told[2])]
            last, numbered = number, True
        elif not numbered and (plain := _PLAIN.search(line)) is not None:
            seq.append(len(seq))
            ms.append(float(plain[1]))
        elif not numbered and _SILENCE.search(line) and not line.startswith("---"):
            seq.append(len(seq))
            ms.append(np.nan)
    if not ms:
        raise TableError(f"{path}: no line says how long an answer took (time=12.3 ms)")
    return {"seq": np.array(seq, dtype=float), "ms": np.array(ms)}
