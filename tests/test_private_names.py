"""Tests, benchmarks and the canary use what the rest of the project has in public, so that its inside can change."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = (
    *("filters", "sessions", "storage", "gateway", "components", "canary", "clients/python/otto_logs"),
    *("scripts", "benchmarks", "tests"),
)
USERS: Final = ("tests", "benchmarks", "canary")
NAMING_CALLS: Final = frozenset({"setattr", "getattr", "hasattr", "delattr", "setitem", "delitem", "patch", "object"})

EXCEPTIONS: Final = {
    **dict.fromkeys(
        (
            *(("tests/support/sqlite_connections.py", name) for name in ("_writer", "_remover", "_connection", "_db")),
            ("tests/support/sqlite_connections.py", "_scans"),
        ),
        "tests break or watch what a journal does with its connections: the one place that knows them",
    ),
    **dict.fromkeys(
        (
            ("tests/storage/journal/postgres/test_several_writers.py", name)
            for name in ("_writers", "_gateway", "_number", "_is_registered")
        ),
        "a machine that was copied while it ran has the name and the number of another, which nothing else can give it",
    ),
    ("tests/clients/test_disk_spool_model.py", "_log"): "a process that dies closes its files and writes nothing more",
    ("tests/clients/test_disk_spool_model.py", "_state"): "lines that were dropped are in no request and no count yet",
    ("tests/support/scripted_history.py", "_ready"): "asyncio's: there is no other way to ask whether a loop has work",
    ("tests/attacks/slowest.py", "_run"): "asyncio's: what runs in one turn of a loop has no other hook",
    (
        "tests/gateway/interface_docs/test_any_request.py",
        "_content",
    ): "of requests: an answer that never ends has no other",
    ("tests/clients/test_run.py", "_transport"): "asyncio's: its streams cannot be closed in public",
    ("tests/clients/test_tail.py", "_transport"): "asyncio's: its streams cannot be closed in public",
}
"""Why a file may use a name all the same."""


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _defined(tree: ast.AST) -> Iterator[str]:
    """Names that a module defines: in itself, in its classes, and on its own objects."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
                yield name
            case ast.Attribute(attr=name) if _is_on_self(node):
                yield name


def private_names(source: str, defined: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines of a module, each with a private name of another one that is used there.

    A name that the module defines as well is its own. Modules of ``otto_logs`` are private to programs; tests import
    what is public in them.

    Args:
        source: the module's text.
        defined: all private names of the project.
    """
    tree = ast.parse(source)
    known = {name for name in defined if _is_private(name)}
    foreign = known.difference(_defined(tree))
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=imported):
                for each in imported:
                    if each.name in known:
                        yield node.lineno, each.name
            case ast.Attribute(attr=name) if name in foreign:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr=called) | ast.Name(id=called)) if called in NAMING_CALLS:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        name = argument.value.rpartition(".")[2]
                        if name in known:
                            yield node.lineno, name


def _is_on_self(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "cls")):
            return True
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return True
    return False


@cache
def _sources(folder: str) -> tuple[Path, ...]:
    return tuple(path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)


@cache
def _all_defined() -> frozenset[str]:
    paths = (path for folder in PACKAGES for path in _sources(folder))
    return frozenset(name for path in paths for name in _defined(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from sessions.session import _wait", [(1, "_wait")]),
        ("from sessions.session import wait", []),
        ("hub._wait()", [(1, "_wait")]),
        ("hub.topic._wait = None", [(1, "_wait")]),
        ("hub.__dict__", []),
        ("parts._replace()", []),  # of the standard library
        ("self._wait\nhub._wait()", []),  # its own
        ("class A:\n    def _wait(self): ...\n    def copy(self, other): other._wait()", []),
        ('monkeypatch.setattr(hub, "_wait", None)', [(1, "_wait")]),
        ('monkeypatch.setattr("sessions.hub._wait", None)', [(1, "_wait")]),
        ('monkeypatch.setattr("otto_logs._sender.Backoff", None)', []),
        ("from otto_logs import _outbox\nfrom otto_logs._outbox import Outbox", []),
    ],
)
def test_a_private_name_of_another_module_is_noticed(source: str, found: list[tuple[int, str]]) -> None:
    """Imported, used, assigned, or patched by its name; not what a module has itself, or what is not the project's."""
    assert list(private_names(source, ["_wait", "wait"])) == found


@pytest.mark.parametrize("folder", USERS)
def test_private_names_of_other_modules_are_not_used(folder: str) -> None:
    """What is worth it is made public; an exception has a reason, and goes when it is not needed."""
    found = {
        (str(path.relative_to(ROOT)), name): line
        for path in _sources(folder)
        for line, name in private_names(path.read_text(encoding="utf-8"), _all_defined())
    }
    allowed = {each for each in EXCEPTIONS if each[0].startswith(f"{folder}/")}
    assert [f"{path}:{line}: {name}" for (path, name), line in found.items() if (path, name) not in allowed] == []
    assert allowed - found.keys() == set()
