"""Tallies of tables: the same from a frame and from the disk, whatever the batches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from twin.core.records import blank_episode
from twin.judge.tally import Tally, tally
from twin.log.columns import EPISODES, batches
from twin.log.stored import Stored
from twin.log.tables import write_table

NAMES = ("cell", "label", "symptoms", "end_reason")
ROWS = st.fixed_dictionaries(
    {
        "cell": st.sampled_from(["c1", "c2", "ü"]),
        "label": st.sampled_from([True, False, None]),
        "symptoms": st.sampled_from([None, [], ["grip_loss"], ["object_lost", "grip_loss"]]),
        "end_reason": st.sampled_from(["done", "void", None]),
    }
)


@given(rows=st.lists(ROWS, max_size=20), size=st.integers(1, 7))
def test_a_table_is_tallied_alike_in_memory_and_in_batches_from_the_disk(
    tmp_path_factory: object, rows: list[dict[str, object]], size: int
) -> None:
    folder: Path = tmp_path_factory.mktemp("run")  # type: ignore[attr-defined]
    write_table(folder / "episodes.parquet", batches([blank_episode() | row for row in rows], EPISODES, size), EPISODES)
    expected = Counter((r["cell"], r["label"], _sorted(r["symptoms"]), r["end_reason"]) for r in rows)
    table = Stored(folder, "episodes")
    assert tally(table, NAMES).counts == expected == tally(table.whole(), NAMES).counts


def _sorted(names: object) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(names))  # type: ignore[call-overload]


def test_a_part_of_a_tally_is_what_has_some_values_and_lacks_others() -> None:
    told = Tally(("cell", "label"), {("c1", True): 3, ("c1", None): 1, ("c2", False): 2})
    assert (told.total, told.of(cell="c1"), told.without(label=None).total) == (6, 4, 5)
    assert {name: mine.of(label=True) for name, mine in told.by("cell").items()} == {"c1": 3, "c2": 0}
