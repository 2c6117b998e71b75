"""A log in another convention of signs, however many joints it turns, is recognised by the torques of the model as given."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from twin.calibrate.dynamics.design import Layout, prior, rigid_torque
from twin.calibrate.dynamics.misread import misread, mounts, signs
from twin.calibrate.dynamics.models import robot
from twin.calibrate.dynamics.regressor import movable_bodies
from twin.calibrate.dynamics.signals import Motion
from twin.core.chance import Chance

NAMES = ("pan", "lift", "elbow", "w1", "w2", "w3")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A ur3, and motion in which its torques are 1.2 times the model's, with friction and noise."""
    model = robot("ur3", tmp_path_factory.mktemp("ur3"), None, 6).model
    layout = Layout(model, tuple(movable_bodies(model)), True, (0.01,) * 6, (), 1)
    stream, t = Chance(4).stream("test", "motion"), np.arange(0, 20, 0.02)[:, None]
    a, w, p = stream.uniform(0.3, 0.8, 6), stream.uniform(0.5, 2, 6), stream.uniform(0, 6, 6)
    q, v = 0.4 + a * np.sin(w * t + p), a * w * np.cos(w * t + p)
    motion = Motion("run", 0.02, q, v, -a * w**2 * np.sin(w * t + p), np.zeros_like(q))
    tau = 1.2 * rigid_torque(layout, motion, prior(layout)) + 0.03 * np.sign(v) + 0.02 * stream.standard_normal(q.shape)
    return layout, motion, tau


def turned(made, positions, torques):
    layout, m, tau = made
    way, drive = (np.where(np.isin(np.arange(6), list(s)), -1.0, 1.0) for s in (positions, torques))
    return [one.words for one in signs(layout, [Motion("run", m.dt, m.q * way, m.v * way, m.a * way, tau * drive)], NAMES)]


@pytest.mark.parametrize(("positions", "torques"), [((), ()), ((1, 3), ()), ((), (1, 2, 4)), ((2, 4), (2, 4)), ((1, 2), (4,))])
def test_joints_that_are_counted_the_other_way_are_all_found(made, positions, torques):
    named = [
        f"{what} of {', '.join(NAMES[i] for i in sorted(s))}"
        for what, s in (("positions", positions), ("torques", torques))
        if s
    ]
    words = f"are the {' and the '.join(named)} counted the other way (sign: -1)?"
    assert turned(made, positions, torques) == ([words] if named else [])


def test_a_reading_puts_the_log_back_as_the_model_has_it(made):
    layout, m, tau = made
    way = np.array([1, -1, 1, -1, 1, 1.0])
    (one,) = signs(layout, [Motion("run", m.dt, m.q * way, m.v * way, m.a * way, tau * way)], NAMES)
    assert one.motion(Motion("run", m.dt, m.q * way, m.v * way, m.a * way, tau * way)).q == pytest.approx(m.q)


def under(layout, gravity):
    model = copy(layout.model)
    model.opt.gravity[:] = gravity
    return replace(layout, model=model)


@pytest.mark.parametrize(
    ("gravity", "told"),
    [
        ((0, 0, -9.81), []),
        ((0, 0, 9.81), ["is the arm mounted with +z of its base down (gravity_mps2: [0, 0, 9.81])?"]),
        ((0, -9.81, 0), ["is the arm mounted with -y of its base down (gravity_mps2: [0, -9.81, 0])?"]),
        ((0, 0, 0), ["are these torques without gravity (gravity: compensated)?"]),
    ],
)
def test_another_way_down_is_recognised(made, gravity, told):
    layout, m, _ = made
    seen = [replace(m, tau=1.2 * rigid_torque(under(layout, gravity), m, prior(layout)))]
    assert [one.words for one in mounts(layout, seen)] == told
    findings = misread(layout, seen, 4.0, NAMES)
    assert [f.text[: len(words)] for f, words in zip(findings, told, strict=True)] == told
