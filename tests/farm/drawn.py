"""Scenes of the outcome tier for tests: `SCENE` with episodes that are drawn."""

import json

from tests.farm.scenes import Played, opened, scene

GOOD = {"share": 0.7, "success": True, "duration_s": {"kind": "lognormal", "median": 20, "sigma": 0.3}}
BAD = {"share": 0.3, "success": False, "end_reason": "timeout", "duration_s": 30, "symptoms": ["grip_loss"]}
MODEL = {"source": "by hand", "entries": [{"results": [GOOD, BAD]}]}
SURE = {"entries": [{"results": [{"share": 1, "success": True, "duration_s": 50}]}]}
OPS = {"kind": "person", "pool": "ops", "deadline_s": 600}
AUTO = {"kind": "automatic", "attempts": 1, "seconds": 4, "success": 0.8}


def drawn(outcomes=MODEL, **changes):
    made = scene(**{"episode_timeout_s": 100, "duration_s": 20_000, "resets": [AUTO, OPS]} | changes)
    made["fleet"]["outcomes"] = outcomes
    return made | {"tier": "outcome", "policy": {"kind": "known", "name": "mine"}}


def play(folder, **changes):
    """Run it in memory."""
    return Played(opened(folder, drawn(**changes)))


def rows(found):
    """Episode rows, without what is null."""
    plain = [json.loads(row) if isinstance(row, str) else row for row in found.rows]
    return [{k: v for k, v in row.items() if v is not None} for row in plain]
