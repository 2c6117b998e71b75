"""The house rules that no tool knows: each test names one, and what it finds is a list of places."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from twin.core.records import EVENT_KINDS

ROOT = Path(__file__).resolve().parent.parent
MAY_READ_THE_WALL_CLOCK = ("twin/commands/", "twin/suite/worker.py", "twin/pytest_plugin.py", "twin/demo.py")
WALL_CLOCK = re.compile(
    r"(time\.(time|monotonic|perf_counter|process_time|sleep|localtime|gmtime)(_ns)?|(date|datetime|Timestamp)\.(now|utcnow|today))"
)
RANDOM = re.compile(r"(random|secrets|uuid)(\..*)?|(np|numpy)\.random(\..*)?|os\.urandom|(.*\.)?default_rng")


@cache
def files(suffix: str = "") -> tuple[str, ...]:
    """Every file of the project that git knows or would take, relative to the top."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\0") if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.glob("[!.]*/**/*")]
    return tuple(sorted(n for n in names if n.endswith(suffix) and (ROOT / n).is_file() and not n.startswith(".venv/")))


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def nodes(kind: type | tuple[type, ...], under: str = "") -> Iterator[tuple[str, ast.AST]]:
    """(place, node) of every node of a kind in the Python files under a folder."""
    for name in files(".py"):
        if name.startswith(under):
            yield from ((f"{name}:{n.lineno}", n) for n in ast.walk(tree(name)) if isinstance(n, kind))


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def uses(pattern: re.Pattern[str], under: str) -> list[str]:
    """Where a dotted name that matches is imported or spoken."""
    spoken = [(at, ast.unparse(node)) for at, node in nodes(ast.Attribute, under)]
    spoken += [(at, name) for at, node in nodes((ast.Import, ast.ImportFrom), under) for name in imported(node)]
    return sorted({f"{at} {name}" for at, name in spoken if pattern.fullmatch(name)})


def is_set(node: ast.AST) -> bool:
    """Whether an expression is a set for all to see."""
    if isinstance(node, ast.BinOp):
        return is_set(node.left) or is_set(node.right)
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return called or isinstance(node, (ast.Set, ast.SetComp))


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    yield from nodes((ast.FunctionDef, ast.AsyncFunctionDef))  # type: ignore[misc]


def length(function: ast.FunctionDef) -> int:
    """Lines of a function, its docstring aside."""
    documented = ast.get_docstring(function) is not None
    docstring = function.body[0].end_lineno - function.body[0].lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def cases() -> list[tuple[str, ast.FunctionDef]]:
    return [(at, f) for at, f in functions() if at.startswith("tests/") and f.name.startswith("test_")]


def test_there_is_something_to_look_at():
    assert len(files(".py")) > 20


def test_only_chance_touches_randomness():
    assert [at for at in uses(RANDOM, "twin/") if not at.startswith("twin/core/chance.py:")] == []


@pytest.mark.parametrize("routine", ["bootstrap", "permutation_test", "monte_carlo_test", "rvs"])
def test_scipy_draws_only_from_a_stream_it_is_given(routine):
    calls = [(at, node) for at, node in nodes(ast.Call, "twin/") if ast.unparse(node.func).split(".")[-1] == routine]
    assert [at for at, call in calls if not {"rng", "random_state"} & {k.arg for k in call.keywords}] == []


def test_only_what_faces_the_user_reads_the_wall_clock():
    found = uses(WALL_CLOCK, "twin/")
    assert [at for at in found if not at.startswith(MAY_READ_THE_WALL_CLOCK)] == []


def test_nothing_depends_on_the_order_of_a_set():
    loops = [(at, node.iter) for at, node in nodes(ast.For, "twin/")]
    comprehensions = nodes((ast.ListComp, ast.DictComp, ast.GeneratorExp), "twin/")
    loops += [(at, part.iter) for at, node in comprehensions for part in node.generators]
    assert [at for at, over in loops if is_set(over)] == []


def test_nothing_depends_on_the_salted_hash_of_a_string():
    names = [(at, node.func) for at, node in nodes(ast.Call, "twin/")]
    assert [at for at, func in names if isinstance(func, ast.Name) and func.id == "hash"] == []


def test_files_have_at_most_400_lines():
    assert {n: c for n in files(".py") if (c := (ROOT / n).read_text(encoding="utf-8").count("\n")) > 400} == {}


def test_functions_have_at_most_50_lines():
    assert {f"{at} {f.name}": length(f) for at, f in functions() if length(f) > 50} == {}


def test_rooms_say_what_they_are_for():
    assert [n for n in files(".py") if n.startswith("twin/") and not ast.get_docstring(tree(n))] == []


def test_no_exception_is_dropped_without_a_word_why():
    handlers = [(at, h) for at, h in nodes(ast.ExceptHandler) if all(isinstance(s, (ast.Pass, ast.Continue)) for s in h.body)]
    lines = [(at, (ROOT / at.split(":")[0]).read_text().splitlines()[h.lineno - 1 : h.end_lineno]) for at, h in handlers]
    assert [at for at, text in lines if not any("#" in line for line in text)] == []


def emitted() -> Iterator[tuple[str, str]]:
    """(place, text) of every string that stands in an `emit(…)` and looks like the kind of an event."""
    for at, call in nodes(ast.Call, "twin/"):
        if ast.unparse(call.func).split(".")[-1].lstrip("_") == "emit":
            words = (node.value for arg in call.args[:3] for node in ast.walk(arg) if isinstance(node, ast.Constant))
            yield from ((at, word) for word in words if isinstance(word, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", word))


def test_every_event_that_is_emitted_has_a_kind_that_is_known():
    assert [f"{at} {kind}" for at, kind in emitted() if kind not in EVENT_KINDS] == []


def asserts(function: ast.FunctionDef, name: str, deeper: bool = True) -> bool:
    """Whether a test asserts: by itself, or by a helper of its file."""
    text = ast.unparse(function)
    if any(word in text for word in ("assert", "raises", "warns")):
        return True
    helpers = [f for f in tree(name).body if isinstance(f, ast.FunctionDef) and not f.name.startswith("test_")]
    return deeper and any(f"{f.name}(" in text and asserts(f, name, deeper=False) for f in helpers)


def test_every_test_asserts_something():
    assert [f"{at} {f.name}" for at, f in cases() if not asserts(f, at.split(":")[0])] == []


def test_half_of_all_tests_have_at_most_ten_lines():
    lengths = sorted(length(f) for _, f in cases())
    assert lengths[len(lengths) // 2] <= 10


def test_tests_seed_their_randomness():
    calls = [(at, node) for at, node in nodes(ast.Call, "tests/") if ast.unparse(node.func).endswith("default_rng")]
    assert [at for at, call in calls if not call.args] == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"(pypi|pythonhosted)\.(org|python)|files\.python|registry\.npm|deb\.debian",
        r"(?<![\w.~$}<])/(work|home|root|tmp|Users|mnt)/\w",
    ],
    ids=["registry", "path"],
)
def test_no_file_names_a_registry_or_a_place_on_one_machine(pattern):
    read = [n for n in files() if n != "tests/test_style.py" and not n.endswith((".png", ".parquet"))]
    text = {n: (ROOT / n).read_bytes().decode("utf-8", errors="ignore") for n in read}
    assert [f"{n}: {hit[0]}" for n, t in text.items() if (hit := re.search(pattern, t))] == []
