"""The same log in every format gives the same numbers; what cannot be read is refused in words."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twin.calibrate.logs import read_log
from twin.calibrate.logspec import SignalLog
from twin.core.errors import TableError

T = np.arange(50) * 0.01
Q = np.column_stack([np.sin(T), np.cos(T)])


def csv(path):
    rows = "\n".join(f"{t:.17g};{a:.17g};{b:.17g}".replace(".", ",") for t, (a, b) in zip(T, Q, strict=True))
    path.write_text("t;q1;q2\n" + rows + "\n")


def parquet(path):
    pq.write_table(pa.table({"t": T, "q1": Q[:, 0], "q2": Q[:, 1]}), path)


def npz(path):
    np.savez(path, t=T, q1=Q[:, 0], q2=Q[:, 1])


def hdf5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in {"t": T, "q1": Q[:, 0], "q2": Q[:, 1]}.items():
            file[f"robot/{name}"] = values


def mcap(path):
    """A bare MCAP file, out of the bag that holds it."""
    plugin = pytest.importorskip("rosbags.rosbag2").StoragePlugin.MCAP
    rosbag(path.parent / "whole", storage_plugin=plugin)
    next((path.parent / "whole").glob("*.mcap")).rename(path)


def rosbag(path, **storage):
    writer = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    state, header, stamp = (store.types[f"{kind}"] for kind in
                            ("sensor_msgs/msg/JointState", "std_msgs/msg/Header", "builtin_interfaces/msg/Time"))  # fmt: skip
    with writer.Writer(path, version=9, **storage) as bag:
        topic = bag.add_connection("/joints", state.__msgtype__, typestore=store)
        for t, q in zip(T, Q, strict=True):
            message = state(header(stamp(0, round(t * 1e9)), "base"), ["a", "b"], q, np.zeros(2), np.zeros(2))
            bag.write(topic, round(t * 1e9), store.serialize_cdr(message, state.__msgtype__))


def lerobot(path):
    (path / "meta").mkdir(parents=True)
    (path / "data" / "chunk-000").mkdir(parents=True)
    features = {"observation.state": {"names": [["a", "b"]]}, "timestamp": {"names": None}}
    (path / "meta" / "info.json").write_text(json.dumps({"features": features}))
    pq.write_table(
        pa.table({"timestamp": T, "observation.state": list(Q)}), path / "data" / "chunk-000" / "episode_000000.parquet"
    )


PLAIN = {"time": {"column": "t"}, "columns": {"q": ["q1", "q2"]}}
NESTED = {"time": {"column": "robot/t"}, "columns": {"q": ["robot/q1", "robot/q2"]}}
STATE = {"time": {"column": "timestamp"}, "columns": {"q": "observation.state", "b": "observation.state.b"}}
JOINTS = {"time": {"column": "/joints.header.stamp"}, "columns": {"q": "/joints.position", "b": "/joints.position.1"}}


def read(path, **keys):
    return read_log("log", SignalLog.model_validate({"path": path.name, **keys}), path.parent)


@pytest.mark.parametrize(
    ("name", "write", "keys"),
    [
        ("log.csv", csv, PLAIN | {"separator": ";", "decimal": ","}),
        ("log.parquet", parquet, PLAIN),
        ("log.npz", npz, PLAIN),
        ("log.h5", hdf5, NESTED),
        ("bag", rosbag, JOINTS),
        ("log.mcap", mcap, JOINTS),
        ("data_set", lerobot, STATE),
    ],
)
def test_every_format_gives_the_same_numbers(tmp_path, name, write, keys):
    write(tmp_path / name)
    log = read(tmp_path / name, **keys)
    assert log.signal("q") == pytest.approx(Q) and log.time() == pytest.approx(T)
    assert "b" not in keys["columns"] or log.signal("b") == pytest.approx(Q[:, 1])


def test_units_and_signs_are_applied(tmp_path):
    npz(tmp_path / "log.npz")
    mapped = {"q": {"column": ["q1", "q2"], "unit": "deg", "sign": [1, -1], "scale": 2.0}}
    assert read(tmp_path / "log.npz", columns=mapped).signal("q") == pytest.approx(np.deg2rad(2 * Q * [1, -1]))


def test_a_signed_count_written_unsigned_comes_back(tmp_path):
    np.savez(tmp_path / "log.npz", load=np.array([3, 65535, 65530]))
    assert read(tmp_path / "log.npz", columns={"load": {"column": "load", "bits": 16}}).signal("load").tolist() == [3, -1, -6]


def test_an_array_of_objects_is_refused_as_a_pickle(tmp_path):
    np.savez(tmp_path / "log.npz", t=np.array([{}, {}], dtype=object))
    with pytest.raises(TableError, match="pickles, which are refused"):
        read(tmp_path / "log.npz", columns={"t": "t"})


@pytest.mark.parametrize("name", ["log.pkl", "log.npz", "log.parquet", "log.h5", "log.mcap"])
def test_a_pickle_is_never_run_whatever_it_is_called(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(TableError):
        read(tmp_path / name, columns={"t": "t"})
    assert not (tmp_path / "sprung").exists()


def test_missing_columns_are_told_all_at_once_with_the_nearest(tmp_path):
    parquet(tmp_path / "log.parquet")
    with pytest.raises(TableError, match=r"no column 'q11'.*did you mean 'q1'.*nor 'speed'"):
        read(tmp_path / "log.parquet", columns={"q": ["q11", "speed"]})


def series(tmp_path, t, q, **keys):
    np.savez(tmp_path / "log.npz", t=np.asarray(t, float), q=np.asarray(q, float))
    return read(tmp_path / "log.npz", time={"column": "t"}, columns={"q": {"column": "q", **keys}})


def test_rows_without_a_number_are_refused_or_dropped_and_counted(tmp_path):
    with pytest.raises(TableError, match="row 3, column 'q': no number"):
        series(tmp_path, [0, 1, 2, 3], [1, 2, np.nan, 4])
    log = series(tmp_path, [0, 1, 2, 3], [1, 2, np.nan, 4], nan="drop")
    assert len(log) == 3 and "1 of 4 rows dropped" in log.findings[0].text


def test_a_gap_cuts_the_log_and_is_told(tmp_path):
    log = series(tmp_path, [*range(30), *range(900, 930)], range(60))
    assert log.segment.tolist() == [0] * 30 + [1] * 30
    assert "the longest 871 s before row 31" in log.findings[0].text


def test_time_that_goes_back_is_refused_and_repeated_stamps_are_told(tmp_path):
    with pytest.raises(TableError, match="time goes back by 1 s at row 3"):
        series(tmp_path, [0, 2, 1, 3], [0, 1, 2, 3])
    assert "1 rows repeat a time stamp (first: row 3)" in series(tmp_path, [0, 1, 1, 3], [0, 1, 2, 3]).findings[0].text


@pytest.mark.real
def test_the_humanoids_data_set_is_read_joint_by_joint(real_data):
    keys = {"time": {"column": "timestamp"}, "columns": {"elbow": "observation.state.kLeftElbow", "asked": "action.kLeftElbow"}}
    log = read(real_data / "lerobot_g1", **keys)
    assert len(log.runs) > 20 and np.corrcoef(log.signal("elbow"), log.signal("asked"))[0, 1] > 0.9


def test_a_number_of_a_column_of_lists_is_picked_by_its_place(tmp_path):
    np.savez(tmp_path / "log.npz", q=Q)
    assert read(tmp_path / "log.npz", columns={"b": "q.1"}).signal("b") == pytest.approx(Q[:, 1])
    pq.write_table(pa.table({"q": list(Q), "plain": T}), tmp_path / "log.parquet")
    assert read(tmp_path / "log.parquet", columns={"b": ["q.1", "q.0"]}).signal("b") == pytest.approx(Q[:, ::-1])
    with pytest.raises(TableError, match=r"no column 'q.2': 'q' has 2 numbers a row"):
        read(tmp_path / "log.parquet", columns={"b": "q.2"})
    with pytest.raises(TableError, match=r"no column 'plain.0': 'plain' holds no lists"):
        read(tmp_path / "log.parquet", columns={"b": "plain.0"})


def test_data_sets_of_hdf5_without_time_are_read_at_a_rate(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "episode_0.hdf5", "w") as file:
        file["observations/qpos"] = Q
    log = read(
        tmp_path / "episode_0.hdf5", rate_hz=50, columns={"arm": ["observations/qpos.0"], "grip": "/observations/qpos.1"}
    )
    assert log.signal("grip") == pytest.approx(Q[:, 1]) and np.diff(log.time()) == pytest.approx(0.02)
    with pytest.raises(ValueError, match="two clocks"):
        read(tmp_path / "episode_0.hdf5", rate_hz=50, time={"column": "t"})


def test_a_row_without_its_list_lacks_a_number(tmp_path):
    pq.write_table(pa.table({"q": [None, [1.0, 2.0], [3.0, 4.0]]}), tmp_path / "log.parquet")
    with pytest.raises(TableError, match="row 1, column 'q': no number"):
        read(tmp_path / "log.parquet", columns={"q": "q"})


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_moments_of_parquet_are_read_with_and_without_a_zone_and_may_lack(tmp_path, zone):
    t = pa.array([1_700_000_000_000_000, None, 1_700_000_001_500_000], pa.timestamp("us", tz=zone))
    pq.write_table(pa.table({"t": t}), tmp_path / "log.parquet")
    log = read(tmp_path / "log.parquet", time={"column": "t", "unit": "iso8601", "nan": "drop"})
    assert log.time() == pytest.approx([1_700_000_000, 1_700_000_001.5])


def test_dates_read_as_numbers_are_told_with_their_unit(tmp_path):
    (tmp_path / "log.csv").write_text("t,q\n2026-01-02 10:00:00.5,1\n2026-01-02 10:00:01,2\n")
    with pytest.raises(TableError, match="holds dates with a time of day: say unit: iso8601"):
        read(tmp_path / "log.csv", time={"column": "t"}, columns={"q": "q"})


def test_files_of_one_name_are_runs_of_their_own(tmp_path):
    for folder, name in (("a", "log.csv"), ("b", "log.csv"), (".", "x.1.csv"), (".", "x.2.csv")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text("t\n0\n1\n")
    both = read_log("log", SignalLog(path="*/log.csv", time={"column": "t"}), tmp_path)
    assert both.runs == ["a/log.csv", "b/log.csv"]
    assert read_log("log", SignalLog(path="x.*.csv", time={"column": "t"}), tmp_path).runs == ["x.1", "x.2"]
    with pytest.raises(TableError, match="has this file twice"):
        read_log("log", SignalLog(path=("x.1.csv", "x.1.csv"), time={"column": "t"}), tmp_path)


def test_a_file_of_many_episodes_is_as_many_runs(tmp_path):
    lerobot(tmp_path / "set")
    features = {"observation.state": {"names": {"motors": ["pan.pos", "lift.pos"]}}, "timestamp": {"names": None}}
    (tmp_path / "set" / "meta" / "info.json").write_text(json.dumps({"features": features, "codebase_version": "v3.0"}))
    (tmp_path / "set" / "data" / "chunk-000" / "episode_000000.parquet").unlink()
    table = {"timestamp": [*T, *T], "episode_index": [0] * 50 + [1] * 50, "observation.state": [*Q, *Q]}
    pq.write_table(pa.table(table), tmp_path / "set" / "data" / "chunk-000" / "file-000.parquet")
    log = read(tmp_path / "set", columns={"lift": "observation.state.lift.pos", "too": "observation.state.1"})
    assert log.runs == ["0", "1"] and log.time() == pytest.approx([*T, *T]) and len(np.unique(log.segment)) == 2
    assert log.signal("lift") == pytest.approx([*Q[:, 1], *Q[:, 1]]) == log.signal("too")


def test_a_joint_of_a_bag_is_found_by_its_name(tmp_path):
    rosbag(tmp_path / "bag")
    assert read(tmp_path / "bag", columns={"b": "/joints.position.b"}).signal("b") == pytest.approx(Q[:, 1])
    with pytest.raises(TableError, match=r"no message names 'c' \(names: a, b\)"):
        read(tmp_path / "bag", columns={"c": "/joints.position.c"})
    with pytest.raises(TableError, match="holds no numbers"):
        read(tmp_path / "bag", columns={"c": "/joints.header"})
