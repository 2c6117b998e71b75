"""The scenarios of scenarios/safety: each passes, and a farm or chain that is spoilt in one place does not."""

import pytest

from twin.farm.book import Book
from twin.farm.lane import Lane
from twin.farm.people import People
from twin.log.tables import read_run
from twin.run import run
from twin.scenario.load import load, remade
from twin.search.copies import plain


def without(*kinds):
    """A scenario without some of its filters."""

    def spoil(data, monkeypatch):
        data["filters"] = [f for f in data["filters"] if f["kind"] not in kinds]

    return spoil


def nobody_brakes(data, monkeypatch):
    monkeypatch.setattr(Lane, "stop", lambda *_: True)


def nobody_comes(data, monkeypatch):
    monkeypatch.setattr(People, "_assign", lambda *_: None)


def crashes_are_forgotten(data, monkeypatch):
    emit = Book.emit
    told = lambda self, kind, *a, **more: None if more.get("end_reason") == "crash" else emit(self, kind, *a, **more)  # noqa: E731
    monkeypatch.setattr(Book, "emit", told)


SPOILT = {
    "human-walks-in": ("never separation_violation", without("separation")),
    "garbage-policy": ("never limits_violation", without("joint_limits")),
    "wrong-robot": ("never keep_out_violation", without("keep_out", "workspace_box")),
    "partition-during-contact": ("holds stops_stand", without("stale")),
    "e-stop-under-motion": ("holds stops_stand", nobody_brakes),
    "stuck-together": ("within stuck → recovered", nobody_comes),
    "stuck-in-the-middle": ("success_rate of pick_place", nobody_comes),
    "power-cut": ("holds episodes_are_conserved", crashes_are_forgotten),
}


@pytest.fixture
def scenario(root):
    return lambda name: load(root / "scenarios" / "safety" / f"{name}.yaml")


def test_every_scenario_of_the_folder_has_its_mutant(root):
    assert {path.stem for path in (root / "scenarios" / "safety").glob("*.yaml")} - {"fleet"} == set(SPOILT)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILT)
def test_it_passes(scenario, tmp_path, name):
    assert run(scenario(name), tmp_path).meta["reasons"][0].startswith("all ")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_stuck_robots_are_driven_free_whatever_the_seed(root, tmp_path, seed):
    found = run(load(root / "scenarios" / "safety" / "stuck-together.yaml", seed=seed), tmp_path)
    assert found.meta["reasons"][0].startswith("all ")


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILT)
def test_a_mutant_does_not_pass(scenario, tmp_path, monkeypatch, name):
    check, spoil = SPOILT[name]
    whole = scenario(name)
    data = plain(whole)
    spoil(data, monkeypatch)
    found = run(remade(whole, data), tmp_path)
    assert found.verdict != "pass"
    assert {c["name"]: c["passed"] for c in found.meta["checks"]}[check] is not True


@pytest.mark.slow
def test_after_a_power_cut_no_robot_works_before_it_has_tested_itself(scenario, tmp_path):
    events = read_run(run(scenario("power-cut"), tmp_path).folder).events
    after = events[(events["t_s"] >= 10.0) & events["kind"].isin(["episode.start", "repair.tested"])]
    assert {kinds.iloc[0] for _, kinds in after.groupby("cell")["kind"]} == {"repair.tested"}


@pytest.mark.slow
def test_the_link_dies_while_fingers_hold_the_object(scenario, tmp_path, monkeypatch):
    held, tick = [], Lane.tick

    def looking(self, now_us, log):
        if now_us == 5_200_000:
            held.append(self.world.truth(self.rows).held.any(axis=1).tolist())
        return tick(self, now_us, log)

    monkeypatch.setattr(Lane, "tick", looking)
    whole = scenario("partition-during-contact")
    run(remade(whole, plain(whole) | {"duration_s": 6.0}), tmp_path)
    assert any(held[0])
