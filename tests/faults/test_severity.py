"""Severity: how strong a fault is, between what its parameters say and nothing."""

from __future__ import annotations

import pytest

from tests.farm.scenes import begun, opened, play, scene
from twin.build import build, strategies
from twin.core.clock import to_us
from twin.core.errors import SpecError
from twin.faults.catalogue import FAULTS
from twin.snapshot import freeze, thaw

BIAS = {"component": "sensor", "mode": "bias", "joint": 0, "bias": 0.2, "onset": {"at_s": 1}}
ONCE_AND_AGAIN = {"moments": [{"at_s": at, "duration_s": 1} for at in range(1, 20, 2)]}
DRAWN = BIAS | {"onset": ONCE_AND_AGAIN, "severity": {"kind": "uniform", "low": 0.1, "high": 0.9}}


def effect(tmp_path, fault):
    return play(tmp_path, faults=[fault], duration_s=12, episode_timeout_s=30).farm.receipts()[0]["effect"]


def test_a_fault_is_as_strong_as_its_severity_says(tmp_path):
    assert [effect(tmp_path, BIAS | {"severity": s}) for s in (1, 0.5, 0.1)] == pytest.approx([0.2, 0.1, 0.02])


def test_what_is_lost_of_a_drive_is_scaled_and_not_what_is_left(tmp_path):
    weak = {"component": "actuator", "mode": "weak", "joint": 1, "torque": 0.2, "onset": {"at_s": 0}, "severity": 0.25}
    assert effect(tmp_path, weak) == pytest.approx(0.2)


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind.SIZES], ids=lambda kind: kind.__name__)
def test_what_severity_scales_are_parameters_with_a_harmless_value(kind):
    assert set(kind.SIZES) <= set(kind.model_fields) and set(kind.SIZES.values()) <= {0.0, 1.0}


def test_a_severity_that_is_drawn_is_another_at_each_onset_and_is_told(tmp_path):
    played = play(tmp_path, faults=[DRAWN], duration_s=22, episode_timeout_s=30)
    told = [event.payload["severity"] for event in played.of("fault.onset")]
    assert len(set(told)) == 10 and all(0.1 <= each <= 0.9 for each in told)
    assert played.farm.receipts()[0]["effect"] == pytest.approx(0.2 * max(told))


def test_a_severity_that_was_drawn_survives_a_kill(tmp_path):
    scenario = opened(tmp_path, scene(faults=[DRAWN], episode_timeout_s=30))
    farm, other = begun(scenario, 15), thaw(build(scenario, "run", 1), freeze(begun(scenario, 3.5)), strategies(scenario))
    while other.step(to_us(15)):
        pass
    assert farm.book.chain.digest == other.book.chain.digest and farm.trouble.receipts() == other.trouble.receipts()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"duration_s": 3, "until": "repaired"}, "both say when it ends: keep one"),
        ({"severity": 0}, "severity 0 must lie between 0.05 and 1"),
        ({"severity": 1.5}, "severity 1.5 must lie between 0.05 and 1"),
        ({"severity": {"kind": "uniform", "low": 2, "high": 5}}, "severity's median 3.5 must lie between 0.05 and 1"),
        ({"mode": "stuck", "severity": 0.5}, "sensor/stuck has no strength that a severity could scale"),
    ],
)
def test_a_severity_or_an_end_that_cannot_be_is_refused(tmp_path, change, told):
    fault = {key: value for key, value in (BIAS | change).items() if key != "bias" or "mode" not in change}
    with pytest.raises(SpecError, match=told):
        opened(tmp_path, scene(faults=[fault]))
