"""Bags of ROS 1 and ROS 2 (also bare MCAP): fields of messages as columns, one row a message of the first column's topic.

A column is a topic and a field: `/joint_states.position` (an array), `/joint_states.position.0`, or, where messages name whose
numbers they are, `/joint_states.position.elbow_joint`. The topic alone is the time at which its messages were received, in s.
Columns of other topics hold their last value, and have none before their first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.core.errors import TableError, nearest


def digest(path: Path) -> str:
    """sha256 of a bag: of its file, or of the files in its folder."""
    found = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            found.update(file.read_bytes())
    return found.hexdigest()


NAMES = ("name", "names", "joint_names")
"""Fields of messages that say whose numbers their arrays are."""


def read(path: Path, highlevel: Any, columns: Sequence[str]) -> tuple[int, Mapping[str, NDArray[Any]]]:
    """Rows and columns of a bag, one row a message of the first column's topic. Raises `TableError`."""
    from rosbags.typesys import Stores, get_typestore

    try:
        with highlevel.AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as bag:
            return _columns(path, bag, columns)
    except (highlevel.AnyReaderError, OSError) as error:
        raise TableError(f"{path} is no bag that can be read: {error}") from error


def _columns(path: Path, bag: Any, columns: Sequence[str]) -> tuple[int, Mapping[str, NDArray[Any]]]:
    if not columns:
        asked = sorted({connection.topic for connection in bag.connections})
        raise TableError(f"{path}: a bag has no table of columns; name topics and fields{nearest('', asked, what='topics')}")
    topics = sorted({connection.topic for connection in bag.connections}, key=len, reverse=True)
    fields = {column: _split(path, column, topics) for column in columns}
    clocks: dict[str, list[float]] = {topic: [] for topic, _ in fields.values()}
    values: dict[str, list[Any]] = {column: [] for column in columns}
    named: set[str] = set()
    wanted = [connection for connection in bag.connections if connection.topic in clocks]
    for connection, stamp, raw in bag.messages(connections=wanted):
        message = bag.deserialize(raw, connection.msgtype)
        clocks[connection.topic].append(stamp / 1e9)
        named.update(_names(message))
        for column, (topic, steps) in fields.items():
            if topic == connection.topic:
                values[column].append(stamp / 1e9 if not steps else _field(path, column, message, steps))
    base = next(iter(fields.values()))[0]
    for topic, clock in clocks.items():
        if not clock:
            raise TableError(f"{path}: topic {topic} has no message")
    t = np.array(clocks[base])
    found = {
        column: _held(_even(path, column, values[column]), np.array(clocks[topic]), t) for column, (topic, _) in fields.items()
    }
    for column, whole in found.items():
        if named and np.isnan(whole).all():
            last = column.rsplit(".", 1)[-1]
            raise TableError(f"{path}: column {column!r}: no message names {last!r}{nearest(last, named, what='names')}")
    return len(t), found


def _even(path: Path, column: str, values: Sequence[Any]) -> NDArray[Any]:
    """Numbers or lists of numbers of all messages."""
    lengths = sorted({np.size(value) for value in values})
    if len(lengths) > 1:
        whose = "messages of several senders? Name one joint, or one number"
        raise TableError(f"{path}: column {column!r}: its lists are not equally long ({lengths[0]}–{lengths[-1]}): {whose}")
    try:
        return np.array(values, float)
    except (TypeError, ValueError):
        fields = getattr(values[0], "__dataclass_fields__", {})
        raise TableError(f"{path}: column {column!r} holds no numbers{nearest('', fields, what='its fields')}") from None


def _split(path: Path, column: str, topics: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Topic and field of a column."""
    for topic in topics:
        if column == topic:
            return topic, ()
        if column.startswith(topic + "."):
            return topic, tuple(column[len(topic) + 1 :].split("."))
    raise TableError(f"{path}: no topic for column {column!r}{nearest(column.split('.')[0], topics, what='topics')}")


def _field(path: Path, column: str, message: Any, steps: Sequence[str]) -> Any:
    """A field of a message; a number of an array by its place, or by its name in the message (NaN where it is not there)."""
    owner = message
    for i, step in enumerate(steps):
        names = _names(owner)
        if isinstance(message, np.ndarray | list) and not step.isdecimal() and names:
            name = ".".join(steps[i:])
            return message[names.index(name)] if name in names and names.index(name) < len(message) else np.nan
        owner = message
        try:
            message = message[int(step)] if step.isdecimal() else getattr(message, step)
        except (AttributeError, IndexError, TypeError):
            known = getattr(message, "__dataclass_fields__", {})
            raise TableError(
                f"{path}: column {column!r}: no {step!r} in a message{nearest(step, known, what='fields')}"
            ) from None
    if hasattr(message, "sec") and hasattr(message, "nanosec"):
        return message.sec + message.nanosec / 1e9
    return message


def _names(message: Any) -> list[str]:
    """Whose numbers the arrays of a message are; empty where it does not say."""
    found = next((getattr(message, name) for name in NAMES if hasattr(message, name)), ())
    return [str(name) for name in found] if isinstance(found, list | tuple | np.ndarray) else []


def _held(values: NDArray[Any], clock: NDArray[Any], t: NDArray[Any]) -> NDArray[Any]:
    """Values at times t: the last one received, NaN before the first."""
    last = np.searchsorted(clock, t, side="right") - 1
    held: NDArray[Any] = values[np.maximum(last, 0)].astype(float)
    held[last < 0] = np.nan
    return held
