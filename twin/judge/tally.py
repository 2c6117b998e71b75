"""How many rows of a table have each combination of a few values: what most of a page and of the checks is made of. The table
passes by once, in batches, and what is kept does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twin.core.records import EPISODE_COLUMNS, Ints
from twin.judge.columns import answers, codes, lists, parts

Key = tuple[Any, ...]
YES_NO: Mapping[int, bool | None] = {-1: None, 0: False, 1: True}


@dataclass(frozen=True)
class Tally:
    """`counts`: the values of `names`, in their order, → how many rows have them. Texts, True or False, sets of texts as sorted
    tuples; None: not known."""

    names: tuple[str, ...]
    counts: Mapping[Key, int]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())

    def of(self, **wanted: Any) -> int:
        """How many rows have these values."""
        return self.only(**wanted).total

    def only(self, **wanted: Any) -> Tally:
        """The rows that have all of these values."""
        return self._kept(lambda key: all(key[self.names.index(name)] == value for name, value in wanted.items()))

    def without(self, **unwanted: Any) -> Tally:
        """The rows that have none of these values (None: the rows of which it is known)."""
        return self._kept(lambda key: all(key[self.names.index(name)] != value for name, value in unwanted.items()))

    def by(self, name: str) -> dict[Any, Tally]:
        """Known value of `name` → its rows, in the order of the values."""
        at = self.names.index(name)
        found: dict[Any, dict[Key, int]] = {}
        for key, n in self.counts.items():
            if key[at] is not None:
                found.setdefault(key[at], {})[key] = n
        return {value: Tally(self.names, found[value]) for value in sorted(found)}

    def _kept(self, keeps: Callable[[Key], bool]) -> Tally:
        return Tally(self.names, {key: n for key, n in self.counts.items() if keeps(key)})


def tally(frame: pd.DataFrame, names: Sequence[str], *, table: str = "episodes") -> Tally:
    """Count the rows of a table. A missing column, or NaN for yes or no, is refused."""
    counts: dict[Key, int] = {}
    for part in parts(frame, names, table):
        told = [_told(part, name, table) for name in names]
        whole = np.zeros(len(part), dtype=np.int64)
        for numbers, values in told:
            whole = whole * len(values) + numbers
        for number, n in zip(*(found.tolist() for found in np.unique(whole, return_counts=True)), strict=True):
            key = _key(number, [values for _, values in told])
            counts[key] = counts.get(key, 0) + n
    return Tally(tuple(names), counts)


def _key(number: int, values: Sequence[Sequence[Any]]) -> Key:
    """The values that a number of mixed radix stands for."""
    key: list[Any] = []
    for each in reversed(values):
        number, place = divmod(number, len(each))
        key.append(each[place])
    return tuple(reversed(key))


def _told(part: pd.DataFrame, name: str, table: str) -> tuple[Ints, list[Any]]:
    """(n,) number of each row's value, and the values."""
    kind = EPISODE_COLUMNS.get(name, "string") if table == "episodes" else "string"
    if kind == "bool":
        return answers(part, name, table=table).astype(np.int64) + 1, list(YES_NO.values())
    if kind == "list<string>":
        sets = [None if told is None else tuple(sorted(set(told))) for told in lists(part, name, table=table)]
        values = list(dict.fromkeys(sets))
        place = {value: i for i, value in enumerate(values)}
        return np.array([place[each] for each in sets], dtype=np.int64), values
    numbers, texts = codes(part, name, table=table)
    return numbers.astype(np.int64) + 1, [None, *texts]
