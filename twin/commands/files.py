"""`twin check`, `twin schema` and `twin faults`: what may stand in a file, and what is wrong with one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from twin.commands import say
from twin.core.errors import InputError, nearest


def _define_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help="scenario or fleet files, or names of scenarios that ship")


def _check(arguments: argparse.Namespace) -> int:
    from twin.scenario.load import check

    found = {name: check(name) for name in arguments.files}
    problems = [problem for each in found.values() for problem in each]
    status = 2 if problems else 0
    if arguments.json:
        say.print_json({"files": arguments.files, "problems": [vars(problem) for problem in problems], "status": status})
        return status
    for problem in problems:
        print(problem)
    for name in (name for name, each in found.items() if not each):
        print(f"{name}: sound")
    if problems:
        print(f"\n{len(problems)} problem{'s' * (len(problems) > 1)}")
        say.then("mend them, then twin check again; twin schema describes every key")
    else:
        say.then(f"twin run {arguments.files[0]}")
    return status


def _define_schema(command: argparse.ArgumentParser) -> None:
    command.add_argument("--fleet", action="store_true", help="of fleet files instead of scenario files")


def _schema(arguments: argparse.Namespace) -> int:
    from twin.scenario.schema import schema

    say.print_json(schema(fleet=arguments.fleet))
    if sys.stdout.isatty() and not arguments.json:
        name = "fleet" if arguments.fleet else "scenario"
        where = f"twin schema{' --fleet' * arguments.fleet} > {name}.schema.json"
        print(
            f"\nnext:  {where}, and as the first line of a file: # yaml-language-server: $schema={name}.schema.json",
            file=sys.stderr,
        )
    return 0


def _define_faults(command: argparse.ArgumentParser) -> None:
    command.add_argument("component", nargs="?", help="only those of a component (sensor, link …)")


def _faults(arguments: argparse.Namespace) -> int:
    from twin.scenario.catalogue import catalogue, lines

    listed = catalogue()
    components = [fault["component"] for fault in listed]
    if arguments.component is not None:
        if arguments.component not in components:
            raise InputError(
                f"no faults of {arguments.component!r}{nearest(arguments.component, components, what='components')}"
            )
        listed = [fault for fault in listed if fault["component"] == arguments.component]
    if arguments.json:
        say.print_json(listed)
        return 0
    for line in lines(listed):
        print(line)
    say.then("name one under faults: in a scenario, then twin check it")
    return 0


COMMANDS: Mapping[str, say.Command] = {
    "check": say.Command("find all mistakes of scenario and fleet files", "twin check my_scenario.yaml", _check, _define_check),
    "schema": say.Command(
        "print the JSON Schema of the files", "twin schema --fleet > fleet.schema.json", _schema, _define_schema
    ),
    "faults": say.Command("list the faults that a plan can name", "twin faults link", _faults, _define_faults),
}
