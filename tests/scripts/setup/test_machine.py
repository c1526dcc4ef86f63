"""Programs are asked for their version."""

from pathlib import Path

import pytest

from scripts.setup.machine import find
from scripts.setup.needs import Need

NEED = Need("Tool", "of a test", (), (2, 0), (("tool", "--version"), ("tool-2", "--version")))


def program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_the_first_that_is_new_enough_is_taken(programs: Path) -> None:
    """An old program of the same name does not hide a newer one of another name."""
    program(programs, "tool", "echo tool 1.9.3")
    program(programs, "tool-2", "echo 'tool, version 2.1+ds (build 7)'")
    assert find(NEED) == ((2, 1), str(programs / "tool-2"))


def test_what_a_wrapper_complains_about_is_no_version(programs: Path) -> None:
    """Only a program that prints nothing else is read from its errors, as nginx is."""
    program(programs, "tool", "echo '/usr/bin/tool: 9: unexpected operator' >&2; echo Tool 156.0")
    program(programs, "tool-2", "echo 'tool/1.22' >&2")
    assert find(NEED)[0] == (156, 0)
    (programs / "tool").unlink()
    assert find(NEED)[0] == (1, 22)


def test_a_stub_that_fails_is_not_there(programs: Path) -> None:
    """As Ubuntu's chromium-browser, which only says what to install."""
    program(programs, "tool", "echo requires snap 2.3; exit 1")
    assert find(NEED) == (None, "")


def test_a_library_is_there_if_it_loads() -> None:
    assert find(Need("C", "of a test", (), library="libc.so.6"))[0] == ()
    assert find(Need("nothing", "of a test", (), library="libnothing.so.9"))[0] is None
