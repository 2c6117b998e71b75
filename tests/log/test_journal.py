import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.errors import RunFolderError, StorageError
from twin.core.records import Event, blank_episode
from twin.log.journal import FILE, Journal, Snapshot

CHAIN = b"c" * 16


def event(seq, **payload):
    return Event(seq, seq * 1000, None, "episode.end", "hall", "c1", None, None, seq, None, payload)


def fill(journal, commits=3, each=2, blob=None):
    for k in range(commits):
        episode = blank_episode() | {"episode": k, "duration_s": 0.1 * k}
        journal.commit(k * 10, [event(k * each + i) for i in range(each)], [episode], blob or b"state %d" % k, CHAIN)


def test_what_is_committed_is_there_when_the_folder_is_opened_again(tmp_path):
    with Journal(tmp_path / "run") as journal:
        fill(journal)
    with Journal(tmp_path / "run") as journal:
        assert list(journal.events()) == [event(seq).canonical() for seq in range(6)]
        assert [row["duration_s"] for row in journal.episodes()] == [0.0, 0.1, 0.2]
        assert journal.last() == Snapshot(20, b"state 2", CHAIN)
        assert len(list(journal.episodes())) == 3


def test_a_new_journal_has_nothing_to_resume_from(tmp_path):
    with Journal(tmp_path) as journal:
        assert journal.last() is None
        assert list(journal.events()) == []


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.lists(TEXTS, max_size=3), max_size=4))
def test_events_come_back_exactly_whatever_their_text(tmp_path_factory, commits):
    made = [[event(i, note=text) for i, text in enumerate(texts)] for texts in commits]
    with Journal(tmp_path_factory.mktemp("run")) as journal:
        for t, events in enumerate(made):
            journal.commit(t, events, [], None, CHAIN)
        assert list(journal.events()) == [e.canonical() for events in made for e in events]


def test_only_the_last_two_snapshots_are_kept(tmp_path):
    with Journal(tmp_path) as journal:
        fill(journal, commits=7)
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("SELECT blob FROM snapshots ORDER BY n").fetchall() == [(b"state 5",), (b"state 6",)]


def test_a_commit_without_a_snapshot_is_forgotten_by_going_back_to_the_last_one(tmp_path):
    with Journal(tmp_path) as journal:
        fill(journal)
        journal.commit(25, [event(6)], [blank_episode()], None, b"d" * 16)
        assert len(list(journal.events())) == 7
        last = journal.last()
        assert journal.rewind(last.t_us) == last
        assert (len(list(journal.events())), len(list(journal.episodes()))) == (6, 3)


def test_a_journal_goes_back_to_the_snapshot_before_the_last(tmp_path):
    with Journal(tmp_path) as journal:
        fill(journal)
        assert journal.rewind(15).t_us == 10
        assert (len(list(journal.events())), journal.last().blob) == (4, b"state 1")
        assert journal.rewind(-1) is None
        assert not list(journal.events())


def test_events_can_be_read_while_more_are_committed(tmp_path):
    with Journal(tmp_path) as journal:
        fill(journal, commits=1)
        reading = journal.events()
        next(reading)
        journal.commit(10, [event(2)], [], None, CHAIN)
        assert len(list(reading)) == 2


def test_an_episode_with_nan_is_a_bug_and_commits_nothing(tmp_path):
    with Journal(tmp_path) as journal:
        with pytest.raises(ValueError, match="JSON"):
            journal.commit(0, [event(0)], [{"duration_s": float("nan")}], b"", CHAIN)
        assert not list(journal.events())


def test_a_second_run_on_the_same_folder_is_refused(tmp_path):
    with Journal(tmp_path), pytest.raises(RunFolderError, match="in use by another run"):
        Journal(tmp_path)
    Journal(tmp_path).close()


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to be taken for one" * 9, None])
def test_a_damaged_journal_is_refused_with_the_mend(tmp_path, damage):
    with Journal(tmp_path) as journal:
        journal.commit(0, [], [], os.urandom(400_000), CHAIN)
    path = tmp_path / FILE
    path.write_bytes(damage or path.read_bytes()[:200_000])
    with pytest.raises(RunFolderError, match=r"damaged.*delete .* and run again"):
        Journal(tmp_path)


def test_a_journal_of_another_version_is_refused(tmp_path):
    Journal(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(RunFolderError, match="version 99, this twin reads version 1"):
        Journal(tmp_path)


def test_another_program_s_database_is_no_journal(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE cats (name)")
    with pytest.raises(RunFolderError, match="no journal of the twin"):
        Journal(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another --out"):
        Journal(tmp_path / "file" / "run")


def refused_but_valid(journal, blob):
    """Commit until the disk refuses; what was kept before must still be there, here and after opening again."""
    with pytest.raises(StorageError, match="What was committed is kept"):
        fill(journal, commits=100, each=1, blob=blob)
    kept = len(list(journal.events()))
    assert kept > 0
    assert journal.last().t_us == 10 * (kept - 1)
    journal.close()
    with Journal(journal.folder) as again:
        assert list(again.events()) == [event(seq).canonical() for seq in range(kept)]
        assert again.last() == Snapshot(10 * (kept - 1), blob, CHAIN)


def test_a_journal_that_may_not_grow_stays_valid_up_to_the_last_commit(tmp_path):
    journal = Journal(tmp_path)
    journal._db.execute("PRAGMA max_page_count=24")
    refused_but_valid(journal, os.urandom(500_000))


def test_a_read_only_journal_is_a_storage_error(tmp_path):
    with Journal(tmp_path) as journal:
        journal._db.execute("PRAGMA query_only=1")
        with pytest.raises(StorageError, match="readonly"):
            fill(journal)


@contextmanager
def small_disk(folder):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_leaves_a_valid_journal(tmp_path):
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("only root on Linux can mount a small tmpfs")
    with small_disk(tmp_path) as disk:
        refused_but_valid(Journal(disk / "run"), os.urandom(400_000))


WRITER = """
import sys
from pathlib import Path
from twin.core.records import Event
from twin.log.journal import Journal
journal = Journal(Path(sys.argv[1]))
last = journal.last()
t = last.t_us + 1 if last else 0
while True:
    event = Event(t, t, None, "job.done", None, None, None, None, None, None, {})
    journal.commit(t, [event] * 5, [{"episode": t}], t.to_bytes(8, "big") * 9000, b"0" * 16)
    print(t, flush=True)
    t += 1
"""


def test_a_killed_writer_loses_nothing_that_was_committed(tmp_path, root):
    chance = random.Random(1)
    said = -1
    for _ in range(4):
        args = [sys.executable, "-c", WRITER, str(tmp_path)]
        writer = subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(root)})
        said = int(writer.stdout.readline())
        time.sleep(chance.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in writer.communicate()[0].split("\n")[:-1])])
        with Journal(tmp_path) as journal:
            last = journal.last()
            assert last.t_us in (said, said + 1)
            assert last.blob == last.t_us.to_bytes(8, "big") * 9000
            assert [row["episode"] for row in journal.episodes()] == list(range(last.t_us + 1))
            assert len(list(journal.events())) == 5 * (last.t_us + 1)
