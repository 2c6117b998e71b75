"""Kills a real run again and again: `python killed.py SCENARIO OUT ENGINE KILLS SEED`, apart from pytest and its threads.

Every attempt is a process of its own that runs the command `twin run`. It is forked from this one, which has imported
everything, so that the kill falls into the run and not into the imports. Prints one JSON object a finished run: how often it
was killed, from where the last attempt had to resume, and from where it says that it did.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from twin.cli import main
from twin.log.journal import Journal
from twin.run import folder_name
from twin.scenario.load import load


def attempt(command, seconds):
    """Run the command in a process; kill it after so many seconds. Its exit status, or None where it was killed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.stdout = sys.stderr
            status = main(command)
        finally:
            os._exit(status)
    ends = None if seconds is None else time.monotonic() + seconds
    while ends is None or time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def snapshot_s(folder):
    """The simulated second from which the run in a folder has to resume."""
    if not (folder / "journal.sqlite").exists():
        return 0.0
    with Journal(folder) as journal:
        kept = journal.last()
    return kept.t_us / 1e6 if kept else 0.0


def run_killed(scenario, out, engine, kills, seed):
    """Kill runs of a scenario until there were so many kills; each is gone on with until it ends."""
    name = folder_name(load(scenario, engine=engine))
    command = ["run", scenario, "--engine", engine, "--out"]
    began = time.monotonic()
    attempt([*command, str(out / "whole")], None)
    whole_s, chance, killed, round_ = time.monotonic() - began, random.Random(seed), 0, 0
    while killed < kills:
        round_ += 1
        folder, mine, status, due = out / str(round_) / name, 0, None, 0.0
        while status is None:
            if not (folder / "run.json").exists():  # else the kill came after the end
                due = snapshot_s(folder)
            status = attempt([*command, str(folder.parent)], chance.uniform(0, whole_s) if killed < kills else None)
            mine, killed = mine + (status is None), killed + (status is None)
        meta = json.loads((folder / "run.json").read_text())
        ended = {"folder": str(folder), "whole": str(out / "whole" / name), "kills": mine, "status": status}
        print(json.dumps(ended | {"due_s": due, "from_s": meta["resumed_from_s"]}))


if __name__ == "__main__":
    run_killed(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
