"""Delays between command and motion: known ones come back inside their interval, and what tells none is said."""

import numpy as np
import pytest

from twin.calibrate.delays.follow import fit, foretold, padded
from twin.calibrate.overlay import Made, as_data
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance
from twin.core.errors import TableError


@pytest.fixture
def found(tmp_path):
    def found(delay_s=0.034, sign=1.0, jitter=0.0, still=False, n=4000, keys=""):
        stream = Chance(3).stream("robot", "moves")
        t = np.cumsum(0.005 * (1 + jitter * stream.uniform(-1, 1, n)))
        knots = np.arange(0, t[-1] + 1, 0.1)
        command = np.interp(t, knots, np.cumsum(stream.standard_normal(len(knots))))
        motion = sign * np.interp(t - delay_s, t, command) + 0.005 * stream.standard_normal(n)
        np.savez(tmp_path / "log.npz", t=t, command=command, q=0 * motion if still else motion)
        (tmp_path / "plan.yaml").write_text(
            "calibrate: arm\nlogs: {runs: {path: log.npz, time: {column: t}, columns: {command: command, q: q}}}\n"
            f"parts: [{{kind: delays, log: runs, robot: arm, max_delay_ms: 100{keys}}}]\n"
        )
        return calibrate(load_plan(tmp_path / "plan.yaml")).results[0]

    return found


@pytest.mark.parametrize("delay_s", [0.0125, 0.034, 0.08])
@pytest.mark.parametrize("jitter", [0.0, 0.4])
def test_a_known_delay_comes_back_between_samples(found, delay_s, jitter):
    estimate = found(delay_s, jitter=jitter).estimates[0]
    assert estimate.value == pytest.approx(1e3 * delay_s, abs=0.8)
    assert estimate.low - 0.5 <= 1e3 * delay_s <= estimate.high + 0.5 and estimate.high - estimate.low < 3


def test_the_delay_foretells_what_was_held_out(found):
    assert found().scores[0].better


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"sign": -1.0}, "is the sign of q turned"),
        ({"still": True}, "q never moves"),
        ({"delay_s": 0.5, "n": 20_000}, "does not follow its command"),
        ({"delay_s": 0.0999}, "look for longer ones"),
    ],
)
def test_where_no_delay_can_be_told_that_is_said(found, case, words):
    result = found(**case)
    assert any(words in finding.text for finding in result.findings) and not result.estimates[0].identified


def test_a_log_too_short_for_the_longest_delay_is_refused(found):
    with pytest.raises(TableError, match="give a smaller max_delay_ms"):
        found(n=100)


def test_a_short_run_has_a_shorter_window(found):
    assert found(n=240).estimates[0].value == pytest.approx(34, abs=3)


@pytest.fixture
def servos(tmp_path):
    def servos(radps, delay_s=0.05, rate=30, still=False):
        """Three joints at 30 rows a second, driven by critically damped servos that were simulated far finer; five runs."""
        runs = []
        for run in range(5):
            stream, fine = Chance(run).stream("robot", "teleoperated"), np.arange(0, 12, 1e-3)
            a, f, p = stream.uniform(0.1, 0.4, (4, 3)), stream.uniform(0.1, 0.8, (4, 3)), stream.uniform(0, 6, (4, 3))
            asked = (a * np.sin(2 * np.pi * f * fine[:, None, None] + p)).sum(axis=1)
            q, v, moved = asked[0].copy(), np.zeros(3), np.empty_like(asked)
            for k in range(len(fine)):
                moved[k] = q
                v = v + 1e-3 * (radps**2 * (asked[max(k - round(1e3 * delay_s), 0)] + 0.02 - q) - 2 * radps * v)
                q = q + 1e-3 * v
            rows = np.round(np.arange(0, 12, 1 / rate) * 1e3).astype(int)
            runs.append((np.full(len(rows), run), fine[rows], asked[rows], np.round(moved[rows] / 1.5e-3) * 1.5e-3))
        run, t, command, q = (np.concatenate(x) for x in zip(*runs, strict=True))
        q[:, 1] = q[0, 1] if still else q[:, 1]
        np.savez(tmp_path / "log.npz", run=run, t=t, command=command, q=q)
        (tmp_path / "plan.yaml").write_text(
            "calibrate: arm\nlogs:\n  runs: {path: log.npz, time: {column: t}, labels: {run: run}, columns: {command: command, "
            "q: {column: [q.0, q.1, q.2], unit: rad}}}\n"
            "parts: [{kind: delays, log: runs, robot: arm, joints: [pan, lift, roll]}]\n"
        )
        return calibrate(load_plan(tmp_path / "plan.yaml")).results[0]

    return servos


def test_delay_and_servo_are_told_apart_and_foretell_held_out_motion(servos):
    found = servos(np.array([12.0, 20.0, 35.0]))
    named = {e.path[-2:]: e for e in found.estimates}
    for joint, truth in (("pan", 12.0), ("lift", 20.0), ("roll", 35.0)):
        radps, delay = named[joint, "servo_radps"], named[joint, "servo_delay_ms"]
        assert radps.identified and radps.value == pytest.approx(truth, rel=0.05)
        assert delay.value == pytest.approx(50, abs=4) and named[joint, "servo_offset"].value == pytest.approx(0.02, abs=2e-3)
    free = [score for score in found.scores if "free-running" in score.name]
    assert len(free) == 3 and all(score.ours < 0.1 * score.reference and score.unit == "rad" for score in free)


def test_a_servo_faster_than_the_rows_is_not_told(servos):
    assert not any(e.identified for e in servos(np.full(3, 400.0)).estimates if e.path[-1] == "servo_radps")


def test_a_joint_that_stands_still_takes_no_others_place_in_the_overlay(servos):
    found = servos(np.full(3, 20.0), still=True)
    assert set(as_data([found], Made("arm", ""))["models"]["arm"]["joints"]) == {"pan", "roll"}


def test_a_servo_that_only_smooths_what_it_cannot_foretell_is_not_told():
    stream, t = Chance(5).stream("robot", "sticks"), np.arange(0, 60, 1 / 30)
    command = np.cumsum(stream.standard_normal(len(t)))
    moved = foretold(padded([(t, command, 0 * t)], 1 / 30), 0.0, 1.0, 0.0)[0]
    seen = padded([(t, command, moved)], 1 / 30)
    assert fit(seen, 2.0, 3.0).told and not fit(seen, 0.1, 3.0).told
