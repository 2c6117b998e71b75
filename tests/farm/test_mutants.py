"""Every check of what a farm owes kills a mutant of the farm or of a filter, and passes the farm as it is."""

import pytest

from tests.farm.scenes import SCENE, Played, breaks, cells, fails, jobs, opened, scene
from tests.judge.synthetic import event, make_log
from twin.control.safety.contact import Contact
from twin.control.safety.keepout import KeepOut
from twin.control.safety.limits import JointLimits, untouched
from twin.control.safety.separation import Separation
from twin.control.safety.stale import Stale
from twin.control.safety.stops import Stops
from twin.control.safety.torque import Torque
from twin.control.safety.tracking import Tracking
from twin.control.safety.workspace import WorkspaceBox
from twin.farm.episodes import Episodes
from twin.farm.farm import Farm
from twin.farm.lane import Lane
from twin.farm.line import Line
from twin.farm.people import People
from twin.farm.recovery import Recovery
from twin.farm.repair import Repair
from twin.farm.stopping import Stopping
from twin.farm.work import Work
from twin.judge.checks import evaluate
from twin.judge.spec import BREACHES, RULE_NAMES, CheckSpec

FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 40, "stop_recover_s": 1, "stops_per_episode": 100}}
NEVER = {"kind": "automatic", "attempts": 2, "seconds": 1, "success": 0}
OPS = {"kind": "person", "pool": "ops", "deadline_s": 8}
STOP = {"component": "safety", "mode": "protective_stop", "onset": {"at_s": 0.7}, "recover_s": 1.5}
LEFT = {"component": "safety", "mode": "human_enters", "onset": {"at_s": 1}, "duration_s": 5} | {
    "seen_by": "scanner",
    "place_m": [0.25, 0.0],
    "door_m": [1.0, 0.0],
}
FINE = {"table": {"physics_step_ms": 4}}
WILD = {"use": "benchmarks.adversaries:LimitSeeking"}
GUARDS = [{"kind": "joint_limits"}, {"kind": "workspace_box"}]
SILENT = {"use": "strategies:Spy"}
CASES = {}


def case(check, engine="kinematic", **changes):
    """A mutation, the check that kills it, and the scene in which it shows."""

    def keep(mutate):
        CASES[mutate.__name__] = (check, engine, changes, mutate)
        return mutate

    return keep


def rule(name, **more):
    return {"holds": {"rule": name, **more}}


def before(patch, kind, name, do):
    """Something else is done first; True: instead."""
    inner = getattr(kind, name)
    patch.setattr(kind, name, lambda self, *a, **k: None if do(self, *a, **k) else inner(self, *a, **k))


def after(patch, kind, name, do):
    inner = getattr(kind, name)

    def both(self, *a, **k):
        out = inner(self, *a, **k)
        do(self, *a, **k)
        return out

    patch.setattr(kind, name, both)


@case({"never": "workspace_violation"}, robots=FAST, policy=WILD, filters=GUARDS, duration_s=4)
def a_box_that_lets_through(patch):
    patch.setattr(WorkspaceBox, "certify", lambda self, seen, command: untouched(command))


@case({"never": "velocity_violation"}, engine="mujoco", robots=FAST, policy=WILD, filters=GUARDS, duration_s=4, workcells=FINE)
def limits_that_let_through(patch):
    patch.setattr(JointLimits, "certify", lambda self, seen, command: untouched(command))


@case({"never": "separation_violation"}, robots=FAST, faults=[LEFT], filters=[{"kind": "separation"}], duration_s=4)
def a_separation_that_does_not_look(patch):
    patch.setattr(Separation, "certify", lambda self, seen, command: untouched(command))


def lets_through(kind):
    """A filter of this kind that lets everything through."""

    def mutate(patch):
        patch.setattr(kind, "certify", lambda self, seen, command: untouched(command))

    mutate.__name__ = f"a_{kind.__name__.lower()}_that_lets_through"
    return mutate


WILDLY = {"robots": FAST, "policy": WILD, "duration_s": 4}
LEANS = {"use": "benchmarks.adversaries:Pressing"}
HARD = WILDLY | {"policy": LEANS, "workcells": FINE, "episode_timeout_s": 20, "duration_s": 9}
SHELF = [{"low_m": [0.1, 0.3, 0.0], "high_m": [0.6, 0.5, 0.6]}]
DEAD = {"component": "actuator", "mode": "weak", "joint": 1, "torque": 0.0, "onset": {"at_s": 0.5}}
PROMISED = {
    "limits_violation": (JointLimits, "kinematic", WILDLY, []),
    "joint_limit_violation": (JointLimits, "mujoco", WILDLY | {"workcells": FINE}, []),
    "keep_out_violation": (KeepOut, "kinematic", WILDLY, [{"kind": "keep_out", "volumes": SHELF}]),
    "contact_violation": (Contact, "mujoco", HARD, [{"kind": "contact"}]),
    "stale_violation": (Stale, "kinematic", WILDLY, [{"kind": "stale", "hold_ms": 150}]),
    "tracking_violation": (Tracking, "kinematic", WILDLY | {"faults": [DEAD]}, [{"kind": "tracking"}]),
    "torque_violation": (Torque, "mujoco", HARD, [{"kind": "torque"}]),
}
for what, (kind, engine, changes, more) in PROMISED.items():
    mutant = lets_through(kind)
    mutant.__name__ += f"_{what}"
    case({"never": what}, engine, **changes, checks=[{"never": what}], filters=[{"kind": "joint_limits"}, *more])(mutant)


@case(
    {"never": "stop_violation"},
    robots=FAST,
    faults=[STOP | {"onset": {"at_s": 1}}],
    links={"l": {"latency_ms": 300}},
    cells=cells("a", link="l"),
)
def a_stop_that_forgets_nothing(patch):
    patch.setattr(Lane, "forget", lambda lane, now_us, row: lane.inbox.barred_us.__setitem__(row, now_us))


@case(rule("stops_stand", limit=0.5), robots=FAST, faults=[STOP], duration_s=5)
def a_stop_that_does_not_latch(patch):
    patch.setattr(Stops, "running", lambda self, at: self.state[at] < 9)


@case(
    rule("no_work_while_faulty"),
    robots=fails(),
    cells=cells("a", "b"),
    faults=[breaks(2, "a")],
    scheduler={"use": "strategies:Lifo"},
)
def a_broken_robot_that_is_offered(patch):
    after(patch, Repair, "broken", lambda self, cell, *a: self.recovery.work.offer(cell))
    after(patch, Work, "__init__", lambda self, *a: setattr(self.recovery, "work", self))


@case(rule("nothing_after_failure"), jobs=jobs({"episodes": 9, "deadline_s": 5}), duration_s=20)
def a_job_that_goes_on_after_its_deadline(patch):
    after(patch, Work, "_close", lambda self, job, state, **k: setattr(job, "state", "assigned"))


@case(rule("one_authority"), jobs=jobs({}, {}), duration_s=3)
def a_cell_that_is_granted_twice(patch):
    def again(self, action, cell, role):
        for job in [job for job in self.jobs.values() if job.state == "queued"]:
            job.state, job.cell = "assigned", cell.name
            self.book.emit("job.assigned", cell, job=job.name)
            self.book.emit("authority.granted", cell, job=job.name, lease=cell.lease)

    after(patch, Work, "_assign", again)


@case(rule("pages_are_answered", limit=20), resets=[NEVER, OPS], duration_s=60)
def a_call_that_is_forgotten(patch):
    patch.setattr(People, "_assign", lambda self, pool: None)
    patch.setattr(Farm, "_on_rung_deadline", lambda self, name, call: None)


@case(rule("stuck_is_dealt_with", limit=20), resets=[NEVER, OPS], dispatch=SILENT, duration_s=60)
def a_cry_that_nobody_hears(patch):
    after(patch, Recovery, "_cry", lambda self, cell, rung: self.cancel(cell, "rung"))


@case(rule("no_reset_storm"), resets=[NEVER, OPS], duration_s=60)
def a_ladder_that_is_never_climbed(patch):
    before(patch, Recovery, "attempt_over", lambda self, cell, lucky: setattr(cell, "attempt", 0))


@case(rule("episodes_are_conserved"), robots=fails(), faults=[breaks(3, "a")])
def an_episode_that_is_lost_in_a_crash(patch):
    def crash(self, cell, reason):
        if reason == "crash":
            self.recovery.cancel(cell, "timeout", "failure")
            self.lanes[cell.lane].end(cell.row)
            return True
        return False

    before(patch, Episodes, "end", crash)


@case(rule("fallback_at_once"), robots=FAST, filters=[{"use": "filters:Fails"}], duration_s=5)
def a_failed_filter_that_stops_nothing(patch):
    before(patch, Stopping, "stop", lambda self, cell, category, cause, *a, **k: "failed" in cause)


@case(
    rule("no_retry_storm"),
    robots=fails(),
    jobs=jobs({"on": "b"}, {}),
    cells=cells("a", "b"),
    faults=[breaks(3, "b")],
    duration_s=60,
)
def a_job_that_bounces(patch):
    def bounce(self, cell):
        if cell.name == "b":
            self.clock.after(1.0, "cell.ready", cell.name)
            self.work.give_back(cell, "not now")
            self.work.withdraw(cell, "not now")
            return True
        return False

    before(patch, Episodes, "start", bounce)


@case(rule("queues_are_bounded", limit=8), jobs=[{"kind": "poisson", "per_hour": 900, "at_start": 2}], duration_s=60)
def a_scheduler_that_sleeps(patch):
    patch.setattr(Line, "handle", lambda self, now_us, events: [])


@case(rule("nobody_starves", limit=5), jobs=jobs(*({"at_s": 2 * k} for k in range(14))), duration_s=40)
def a_queue_that_serves_the_youngest(patch):
    patch.setattr("twin.farm.schedulers.Fifo.place", lambda self, job: (-job.arrived_us,))


@case(
    rule("the_rest_goes_on", limit=15),
    cells=cells("a", "b"),
    jobs=jobs(*({"on": x} for x in "aabb")),
    faults=[breaks(1, "a")],
    duration_s=60,
)
def a_dead_robot_that_stops_the_rest(patch):
    def asleep(self, now_us, events):
        self.dead = getattr(self, "dead", False) or any(e.payload.get("reason") == "broken" for e in events)
        return [] if self.dead else None

    inner = Line.handle
    patch.setattr(
        Line, "handle", lambda self, now_us, events: inner(self, now_us, events) if asleep(self, now_us, events) is None else []
    )


@case(rule("inspected_before_work"), robots=fails(scale=1e6), faults=[breaks(2, "a")], duration_s=40)
def a_repaired_robot_that_is_trusted(patch):
    after(patch, Repair, "done", lambda self, cell, *a: setattr(cell, "suspect", None))


@pytest.mark.parametrize("name", CASES)
def test_a_farm_passes_and_its_mutant_is_killed(tmp_path, monkeypatch, name):
    check, engine, changes, mutate = CASES[name]
    spec = CheckSpec.model_validate(check)
    scenario = opened(tmp_path, scene(**changes), engine=engine)
    assert evaluate([spec], log_of(Played(scenario)))[0].passed is True
    mutate(monkeypatch)
    assert evaluate([spec], log_of(Played(scenario)))[0].passed is False


ELSEWHERE = {
    "command_jump_violation": "tests/farm/test_drives.py",
    "jerk_violation": "tests/farm/test_jerk_limit.py",
    "self_violation": "tests/farm/test_itself.py",
}
"""Breaches that have their mutants in a file of their own."""


def test_every_breach_has_a_mutant(root):
    assert {check["never"] for check, *_ in CASES.values() if "never" in check} | set(ELSEWHERE) == set(BREACHES)
    assert all(name in (root / file).read_text() for name, file in ELSEWHERE.items())


def test_every_rule_has_a_mutant():
    assert {check["holds"]["rule"] for check, *_ in CASES.values() if "holds" in check} == set(RULE_NAMES)


def log_of(played):
    """What a run said, as judges read it."""
    told = [
        event(e.t_us / 1e6, e.kind, e.cell, **({"job": e.job, "episode": e.episode} | dict(e.payload))) for e in played.events
    ]
    return make_log(told, played.rows, cells=list(played.farm.cells), sim_s=played.farm.clock.now_us / 1e6)
