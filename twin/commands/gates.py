"""`twin gate`: may this release go out?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.commands import say
from twin.commands.suites import define_workers, workers_of
from twin.core.errors import InputError

if TYPE_CHECKING:
    from twin.judge.gate import Decision


def _define_gate(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", nargs="*", metavar="SUITE", help="the candidate: scenario files, folders, or names that ship")
    command.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="PATH",
        help="the same scenarios as they were (a checkout of main); repeatable",
    )
    command.add_argument(
        "--alpha", type=float, default=0.05, metavar="A", help="how often a false release may happen (default: 0.05)"
    )
    command.add_argument(
        "--margin",
        type=float,
        default=0.03,
        metavar="M",
        help="how much worse than the baseline a share may be (default: 0.03)",
    )
    command.add_argument(
        "--pass-rate", type=float, metavar="P", help="runs need not all pass: show that at least this share of them does"
    )
    command.add_argument(
        "--budget",
        type=say.positive,
        default=200,
        metavar="N",
        help="seeds a scenario at most; more would be undecided (default: 200)",
    )
    command.add_argument(
        "--release", default="", metavar="NAME", help="whose seeds to use (default: a digest of the candidate)"
    )
    command.add_argument(
        "--epoch", type=say.positive, default=1, metavar="N", help="which attempt at that release (default: 1)"
    )
    command.add_argument(
        "--calibration", type=Path, metavar="FILE", help="the calibration that the twin rests on, for the certificate"
    )
    define_workers(command)
    command.add_argument(
        "--work", type=Path, default=Path("runs/gate"), metavar="DIR", help="where runs go (default: runs/gate)"
    )
    command.add_argument("--out", type=Path, metavar="CERT.json", help="the certificate (default: certificate.json in DIR)")
    command.add_argument(
        "--verify", type=Path, metavar="CERT.json", help="derive a certificate again, offline, and run nothing"
    )


def _gate(arguments: argparse.Namespace) -> int:
    if arguments.verify:
        return _verify(arguments)
    if not arguments.paths:
        raise InputError("name the candidate's scenarios (twin gate scenarios/faults --baseline ../main/scenarios/faults)")
    from twin.judge import certificate
    from twin.suite.code import digest_of, versions
    from twin.suite.gating import Asked, gate
    from twin.suite.plan import plan

    engine = arguments.engine or "mujoco"
    asked = Asked(
        tuple(plan(arguments.paths, engine=engine)),
        tuple(plan(arguments.baseline, engine=engine)) if arguments.baseline else (),
        alpha=arguments.alpha,
        margin=arguments.margin,
        pass_rate=arguments.pass_rate,
        release=arguments.release,
        epoch=arguments.epoch,
        budget=arguments.budget,
    )
    calibration = digest_of(arguments.calibration) if arguments.calibration else None
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)

    def told(decision: Decision, count: int) -> None:
        near = min((f.to_go for f in decision.findings if f.to_go is not None), default=None)
        more = f", about {near} more for the next answer" if near and decision.word == "undecided" else ""
        if not arguments.json:
            print(f"{count} seeds: {decision.word}{more}", file=sys.stderr)

    with workers_of(arguments) as ours, workers_of(arguments) as theirs:
        decision = gate(asked, work, ours.run, theirs.run, told)
    out = certificate.write(arguments.out or work / "certificate.json", decision, versions=versions(), calibration=calibration)
    if arguments.json:
        say.print_json({**_brief(decision), "certificate": out})
        return decision.status
    _tell(decision, out)
    return decision.status


def _brief(decision: Decision) -> dict[str, Any]:
    findings = [asdict(f) | {"requirement": str(f.requirement), "name": f.requirement.name} for f in decision.findings]
    return {
        "decision": decision.word,
        "status": decision.status,
        "reasons": decision.reasons,
        "release": decision.release,
        "epoch": decision.epoch,
        "alpha": decision.alpha,
        "runs": len(decision.runs),
        "requirements": findings,
    }


def _tell(decision: Decision, out: Path) -> None:
    for finding in decision.findings:
        print(f"  {finding}")
    print(f"release {decision.release}, epoch {decision.epoch}: {decision.word.upper()}")
    for reason in decision.reasons:
        print(f"  {reason}")
    print(f"{len(decision.runs)} runs; the certificate is {out}")
    say.then(f"twin gate --verify {out}")


def _verify(arguments: argparse.Namespace) -> int:
    """The decision's own status where the certificate holds, 2 where it was edited."""
    from twin.judge import certificate
    from twin.judge.gate import WORDS

    if arguments.paths or arguments.baseline:
        raise InputError("--verify takes a certificate and nothing else: it runs nothing")
    problems = certificate.verify(arguments.verify)
    stored = certificate.read(arguments.verify)
    status = 2 if problems else WORDS[stored["decision"]]
    if arguments.json:
        say.print_json({"valid": not problems, "problems": problems, "decision": stored.get("decision"), "status": status})
        return status
    if problems:
        print(f"{arguments.verify}: REFUSED, it does not follow from its runs:")
        for problem in problems:
            print(f"  {problem}")
        say.then("run the gate again: twin gate SUITE --out " + str(arguments.verify))
        return status
    print(f"{arguments.verify}: holds; release {stored['release']}, epoch {stored['epoch']}: {stored['decision'].upper()}")
    print(f"  alpha {stored['alpha']:g}; {stored['about']}")
    print(f"  calibration: {stored['calibration']['says']}")
    say.then("repeat one of its runs: twin run SCENARIO --seed SEED, and compare the hash")
    return status


COMMANDS: Mapping[str, say.Command] = {
    "gate": say.Command(
        "decide whether a release may go out, with a known error rate",
        "twin gate scenarios/faults --baseline ../main/scenarios/faults --alpha 0.05 --out certificate.json",
        _gate,
        _define_gate,
    ),
}
