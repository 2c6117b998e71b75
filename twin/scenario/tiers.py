"""What a scenario may ask of its tier: a policy that drives robots in physics, an entry for all that is run in outcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twin.control.spec import KnownPolicy, UseSpec
from twin.core.errors import nearest
from twin.core.quantity import quantile
from twin.core.yaml import Loc
from twin.farm.ladder import ReverseRung
from twin.farm.outcomes import OutcomeModel
from twin.farm.workload import JobSpec
from twin.scenario.refs import Checker, written_jobs


def check_tier(check: Checker) -> None:
    """Everything that depends on the tier."""
    _reverses(check)
    if check.view.tier == "physics":
        _simulated(check)
    else:
        _drawn(check)


def _simulated(check: Checker) -> None:
    """What only the outcome tier has."""
    if check.view.learning is not None:
        check.refuse(check.fleet("learning"), "a declared learning curve is drawn from: use tier: outcome")
    if isinstance(check.view.policy, KnownPolicy):
        check.refuse(("policy", "kind"), "a policy that is known by its outcomes only commands no robot: use tier: outcome")


def _drawn(check: Checker) -> None:
    """What the outcome tier needs, and what only physics has."""
    view = check.view
    if view.outcomes is None:
        if not view.outcomes_broken:
            check.refuse(("tier",), "tier outcome needs the fleet's 'outcomes': write them, or fit them with twin fit-outcomes")
        return
    if view.policy is None:  # a fleet alone runs nothing
        return
    _entries(check, view.outcomes)
    _in_time(check, view.outcomes)
    for at, fault in view.faults:
        if at[0] == "faults" and fault.drawn() is None:
            told = f"{fault.component}/{fault.mode} acts on signals, which the outcome tier does not have"
            check.refuse(at, f"{told}: put its effect into the outcomes, or use tier: physics")
    if isinstance(view.policy, UseSpec):
        check.refuse(("policy",), "no policy is asked for commands in the outcome tier: name it by {kind: known, name: …}")


def _entries(check: Checker, model: OutcomeModel) -> None:
    """An entry for every task that is run, on every kind of robot that may run it, at every attempt."""
    policy = policy_key(check.view.policy)
    told: dict[tuple[Loc, str, str], None] = {}
    for at, job in [((*at, "task"), job) for at, job in written_jobs(check)] + list(_practised(check)):
        for robot in _robots(check, job):
            key = (at, str(job.task), robot)
            attempts = (n for n in range(1, job.retries + 2) if model.find(job.task, policy, robot, n) is None)
            missing = next(attempts, None)
            if missing is None or key in told:
                continue
            told[key] = None
            which = f"attempt {missing} of task" if missing > 1 else "task"
            tasks = [entry.task for entry in model.entries]
            message = f"no outcome entry for {which} {job.task!r} under policy {policy!r} on {robot!r}"
            check.refuse(key[0], message + nearest(job.task, tasks, what="entries for"))


def _in_time(check: Checker, model: OutcomeModel) -> None:
    """Episodes of the tasks that are run may take as long as their outcomes say: a time limit cuts off tails only."""
    limit_s, policy = check.view.timeout_s, policy_key(check.view.policy)
    if limit_s is None:
        return
    asked = [job for _, job in [*written_jobs(check), *_practised(check)]]
    keys = dict.fromkeys(
        (job.task, robot, n) for job in asked for robot in _robots(check, job) for n in range(1, job.retries + 2)
    )
    found = [model.find(task, policy, robot, n) for task, robot, n in keys]
    for i, entry in enumerate(model.entries):
        for k, result in enumerate(entry.results if any(entry is one for one in found) else ()):
            middle_s = quantile(result.duration_s, 0.5)
            if middle_s > limit_s:
                told = f"{middle_s:g} s (the median), and episode_timeout_s cuts episodes off at {limit_s:g} s"
                check.refuse(
                    check.fleet("outcomes", "entries", i, "results", k, "duration_s"), f"this takes {told}: raise one of them"
                )


def _reverses(check: Checker) -> None:
    """Where the ladder asks for the reverse of a task there is one, and it can be run."""
    asked = dict.fromkeys(str(job.task) for _, job in written_jobs(check))
    model = check.view.outcomes
    for i, rung in check.view.resets:
        if not isinstance(rung, ReverseRung):
            continue
        at = check.fleet("resets", i, "of")
        for task, reverse in rung.of.items():
            check.task((*at, task), reverse)
        if check.view.tier == "physics" or model is None:
            continue
        policy = policy_key(check.view.policy)
        for task in asked:
            undoes = rung.of.get(task)
            if undoes is None:
                check.refuse(at, f"task {task!r} has no reverse here{nearest(task, rung.of, what='tasks with one')}")
            elif any(model.find(undoes, policy, robot, 1) is None for robot in _models(check)):
                check.refuse((*at, task), f"no outcome entry for {undoes!r}, the reverse of {task!r}")


def _models(check: Checker) -> list[str]:
    return [robot.model for robot in (check.view.robots or {}).values() if robot is not None]


def _practised(check: Checker) -> Iterable[tuple[Loc, Any]]:
    """What robots may practise when nobody asks: every task of every cell."""
    if check.view.idle is None or getattr(check.view.idle, "kind", "") == "none":
        return
    for i, cell in check.view.cells:
        for k, task in enumerate(cell.tasks):
            yield check.fleet("cells", i, "tasks", k), JobSpec(task=task)


def _robots(check: Checker, job: Any) -> Iterable[str]:
    """Models of the robots in cells that can do a job."""
    kinds = check.view.robots or {}
    able = (cell.spec.robots[0].robot for cell in check.cells if job.task in cell.spec.tasks)
    return dict.fromkeys(kind.model for name in dict.fromkeys(able) if (kind := kinds.get(name)) is not None)


def policy_key(policy: Any) -> str:
    """`name@version` of a scenario's policy."""
    name, version = policy_name(policy)
    return f"{name}@{version}"


def policy_name(policy: Any) -> tuple[str, str | None]:
    """What episode rows call a policy, and its version."""
    if isinstance(policy, UseSpec):
        return policy.use, None
    return (policy.name if isinstance(policy, KnownPolicy) else policy.kind), policy.version
