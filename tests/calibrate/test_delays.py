"""Delays between command and motion: known ones come back inside their interval, and what tells none is said."""

import numpy as np
import pytest

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
    (estimate,) = found(delay_s, jitter=jitter).estimates
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
