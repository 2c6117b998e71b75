"""Named random streams: the only door to randomness.

A stream is keyed by (seed, entity, episode, purpose), never by the order in which streams are asked for, so that one cell's
draws do not move when another cell does something else. Philox is counter based: a key is all of its state.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

from twin.core.records import Floats

Stream = np.random.Generator
Keys = NDArray[np.uint64]
_MASK = 2**64 - 1


class _Key(ISeedSequence):
    """A Philox key handed over as a seed: `Philox(key=…)` gives the same bits, but asks the system for entropy first."""

    def __init__(self, words: Any) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """The key (2,) uint64, as Philox asks for it."""
        return self.words


class Chance:
    """The streams of one run, all derived from its `seed`."""

    def __init__(self, seed: int) -> None:
        self.seed = int(seed)
        self._keys: dict[tuple[str, str], int] = {}
        """Keys of series: kept because they are asked for again and again, no part of the state."""

    def stream(self, entity: str, purpose: str, episode: int = 0) -> Stream:
        """A fresh generator for `entity` (a cell, a link, a job stream), `purpose` and `episode` (0: the whole run).

        The same key always gives the same draws; whoever needs draws that go on across calls keeps the stream.
        """
        text = f"{self.seed}\x1f{entity}\x1f{episode}\x1f{purpose}".encode()
        key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
        return np.random.Generator(np.random.Philox(_Key(key)))  # type: ignore[arg-type]

    def key(self, entity: str, purpose: str, episode: int = 0) -> int:
        """A key for `uniforms`: 64 bits, keyed as a stream is."""
        text = f"{self.seed}\x1f{entity}\x1f{episode}\x1f{purpose}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")

    def uniform(self, entity: str, purpose: str, n: int) -> float:
        """Number `n` in (0, 1) of the series of (entity, purpose): what `uniforms` gives, one at a time and without arrays."""
        key = self._keys.get((entity, purpose))
        if key is None:
            key = self._keys[entity, purpose] = self.key(entity, purpose)
        z = (key + (n + 1) * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (((z ^ (z >> 31)) >> 11) + 0.5) * 2.0**-53

    def __getstate__(self) -> dict[str, int]:
        return {"seed": self.seed}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.seed, self._keys = state["seed"], {}


def uniforms(keys: Keys, counts: Any) -> Floats:
    """Numbers in (0, 1): the `counts`-th draw of each of `keys`, shapes broadcast. They need no state but a count.

    SplitMix64 (Steele, Lea, Flood 2014): a Weyl sequence through a mixer, here at any place of it.
    """
    with np.errstate(over="ignore"):
        z = np.asarray(keys, np.uint64) + (np.asarray(counts).astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    drawn: Floats = ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return drawn
