import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twin.core.errors import InputError, StorageError, TableError
from twin.log.episodes import episode_frame, read_episodes, write_episodes

ROWS = [
    {"episode": 1, "source": "real", "schema": 1, "start_utc": "2026-01-05T09:00:00.25+01:00", "duration_s": 24.1,
     "censored": False, "label": True, "symptoms": [], "robots": ["a", 'b "c"'], "instruction": "put, then wait"},
    {"episode": 2, "source": "real", "schema": 1, "label": None, "symptoms": None, "duration_s": float("nan")},
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_an_episode_table_survives_its_file(tmp_path, suffix):
    table = episode_frame(ROWS)
    again = read_episodes(write_episodes(table, tmp_path / f"real{suffix}"))
    pd.testing.assert_frame_equal(again, table)
    assert again["symptoms"].tolist() == [[], None]


def test_the_same_table_gives_the_same_bytes(tmp_path):
    first, second = (write_episodes(episode_frame(ROWS), tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert first.read_bytes() == second.read_bytes()


def test_a_parquet_file_written_by_pandas_is_read(tmp_path):
    data = episode_frame(ROWS).astype({"resets": float, "label": object})
    data["symptoms"] = [np.array(["x"]), None]
    data.to_parquet(tmp_path / "t.parquet")
    again = read_episodes(tmp_path / "t.parquet")
    assert again["symptoms"].tolist() == [["x"], None]
    assert str(again["resets"].dtype) == "Int64"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_missing_columns_are_refused_by_name(tmp_path, suffix):
    data = episode_frame(ROWS).rename(columns={"label": "lable"}).drop(columns="symptoms")
    path = tmp_path / f"t{suffix}"
    data.to_parquet(path) if suffix == ".parquet" else data.to_csv(path)
    with pytest.raises(TableError, match=r"lacks label, symptoms .*did you mean 'lable'"):
        read_episodes(path)
    with pytest.raises(TableError, match="lacks label, symptoms"):
        write_episodes(data, tmp_path / "out.csv")


WRONG = {"episode": "one", "duration_s": "24,1", "label": "perhaps", "symptoms": "stop", "start_utc": "noon"}


@pytest.mark.parametrize("column", WRONG)
def test_a_value_of_the_wrong_type_is_refused_with_its_line(tmp_path, column):
    data = pd.read_csv(write_episodes(episode_frame(ROWS), tmp_path / "t.csv"), dtype=object)
    data.loc[1, column] = WRONG[column]
    data.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match=rf"t\.csv:3: column '{column}': '{WRONG[column]}' is no"):
        read_episodes(tmp_path / "t.csv")


@pytest.mark.parametrize(("values", "said"), [([1.0, np.inf], "row 2, column 'duration_s': inf"), (["x", "y"], "is string")])
def test_an_infinite_or_mistyped_parquet_column_is_refused(tmp_path, values, said):
    table = pa.Table.from_pandas(episode_frame(ROWS), preserve_index=False)
    index = table.column_names.index("duration_s")
    pq.write_table(table.set_column(index, "duration_s", pa.array(values)), tmp_path / "t.parquet")
    with pytest.raises(TableError, match=said):
        read_episodes(tmp_path / "t.parquet")


def test_an_empty_table_another_schema_and_no_table_are_refused(tmp_path):
    with pytest.raises(TableError, match="holds no episode"):
        read_episodes(write_episodes(episode_frame([]), tmp_path / "none.parquet"))
    with pytest.raises(TableError, match="schema 9, this twin reads schema 1"):
        read_episodes(write_episodes(episode_frame([{"schema": 9}]), tmp_path / "old.csv"))
    with pytest.raises(TableError, match="no such file"):
        read_episodes(tmp_path / "nowhere.csv")
    (tmp_path / "log.txt").touch()
    with pytest.raises(TableError, match="twin import"):
        read_episodes(tmp_path / "log.txt")


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        write_episodes(episode_frame(ROWS), tmp_path / "file" / "t.csv")
    with pytest.raises(InputError, match=r"\.parquet or \.csv"):
        write_episodes(episode_frame(ROWS), tmp_path / "t.json")
