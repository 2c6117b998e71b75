"""Named random streams: the only door to randomness.

A stream is keyed by (seed, entity, episode, purpose), never by the order in which streams are asked for, so that one cell's
draws do not move when another cell does something else. Philox is counter based: a key is all of its state.
"""

from __future__ import annotations

import hashlib

import numpy as np

Stream = np.random.Generator


class Chance:
    """The streams of one run, all derived from its `seed`."""

    def __init__(self, seed: int) -> None:
        self.seed = int(seed)

    def stream(self, entity: str, purpose: str, episode: int = 0) -> Stream:
        """A fresh generator for `entity` (a cell, a link, a job stream), `purpose` and `episode` (0: the whole run).

        The same key always gives the same draws; whoever needs draws that go on across calls keeps the stream.
        """
        text = f"{self.seed}\x1f{entity}\x1f{episode}\x1f{purpose}".encode()
        key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key))
