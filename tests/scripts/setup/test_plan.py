"""What is decided from what was found."""

from dataclasses import replace

import pytest

from scripts.setup.needs import GOALS, NEEDS, NODE, NPM, is_enough_node
from scripts.setup.plan import Machine, MissingError, Plan, decide

COMPLETE = Machine(
    programs={need.name: need.minimum for need in NEEDS} | {NODE.name: (20, 19, 0), NPM.name: (10, 8)},
    venv_tools=("ensurepip",),
    has_venv=True,
)
BARE = Machine(programs={}, venv_tools=(), has_venv=False)


def with_program(machine: Machine, name: str, version: tuple[int, ...] | None) -> Machine:
    return replace(machine, programs={**machine.programs, name: version})


@pytest.mark.parametrize("goal", GOALS)
def test_a_complete_machine_is_left_as_it_is(goal: str) -> None:
    """Nothing is installed or made where everything is there."""
    assert decide(goal, COMPLETE) == Plan(may_install=True)


def test_a_bare_machine_gets_everything_the_tests_need() -> None:
    """Debian packages for what is not Python, a virtual environment, and Node.js from PyPI."""
    plan = decide("test", BARE)
    assert {"chromium-headless-shell", "libatomic1", "gcc", "libc6-dev", "nginx", "sqlite3", "python3-venv"} <= set(
        plan.apt
    )
    assert (plan.venv_tool, bool(plan.node_from_pypi)) == ("ensurepip", True)


def test_running_needs_less_than_testing() -> None:
    """`make run` installs what makes the virtual environment, and no browser or server."""
    assert decide("run", BARE).apt == ("python3-venv",)


@pytest.mark.parametrize("version", [None, (3, 27, 2)])
def test_an_old_program_counts_as_missing(version: tuple[int, ...] | None) -> None:
    """A program is judged by its version; the reason names it, what for, and what is here."""
    plan = decide("test", with_program(COMPLETE, "sqlite3", version))
    assert plan.apt == ("sqlite3",)
    (reason,) = plan.reasons
    assert reason.startswith("sqlite3 3.33 or newer: tests read tables")
    assert reason.endswith("here is 3.27.2" if version else "it is not here")


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [
        *(((20, 19), True), ((22, 12), True), ((24, 0), True)),
        *(((18, 19), False), ((20, 18, 3), False), ((21, 7), False), ((22, 11), False), (None, False)),
    ],
)
def test_node_is_taken_from_pypi_where_the_machines_is_too_old(
    version: tuple[int, ...] | None, is_enough: bool
) -> None:
    """What Vite runs with stays; apt is never asked for Node.js, because what it has may be older."""
    assert is_enough_node(version) is is_enough
    plan = decide("run", with_program(COMPLETE, NODE.name, version))
    assert (bool(plan.node_from_pypi), plan.apt) == (not is_enough, ())


def test_node_without_npm_is_not_enough() -> None:
    """Debian has them in two packages."""
    assert decide("run", with_program(COMPLETE, NPM.name, None)).node_from_pypi.startswith("npm 8 or newer")


@pytest.mark.parametrize(
    ("tools", "rights", "tool", "apt"),
    [
        (("ensurepip", "uv"), "", "ensurepip", ()),
        (("uv", "pip"), "", "uv", ()),
        (("virtualenv",), "", "virtualenv", ()),
        (("pip",), "", "pip", ()),
        (("pip",), "sudo", "ensurepip", ("python3-venv",)),
        ((), "root", "ensurepip", ("python3-venv",)),
    ],
)
def test_a_virtual_environment_is_made_with_what_is_there(
    tools: tuple[str, ...], rights: str, tool: str, apt: tuple[str, ...]
) -> None:
    """ensurepip, else uv or virtualenv, else apt brings ensurepip, else the system's pip fills the environment."""
    plan = decide("run", replace(COMPLETE, has_venv=False, venv_tools=tools, rights=rights))
    assert (plan.venv_tool, plan.apt) == (tool, apt)


def test_without_rights_it_is_said_what_to_run() -> None:
    """Everything that is missing, each with its reason, and one command that brings it all."""
    machine = replace(BARE, rights="")
    with pytest.raises(MissingError) as refusal:
        decide("test", machine)
    text = str(refusal.value)
    assert "apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell libatomic1" in text
    assert "python3-venv" in text
    assert all(need.why in text for need in NEEDS)


def test_without_apt_no_command_of_apt_is_told() -> None:
    """On another system it is said what is missing, and that its own means have to bring it."""
    with pytest.raises(MissingError, match="no apt") as refusal:
        decide("test", replace(with_program(COMPLETE, "nginx", None), has_apt=False, rights=""))
    assert "apt-get" not in str(refusal.value)


def test_tests_may_be_skipped_for_what_is_missing() -> None:
    """With ALLOW_SKIPS it continues, and says what will be skipped; without Python there is nothing to skip."""
    machine = replace(with_program(COMPLETE, "nginx", None), rights="")
    assert decide("test", machine, may_skip=True).without == ("nginx",)
    with pytest.raises(MissingError):
        decide("test", replace(BARE, rights=""), may_skip=True)


def test_what_apt_has_in_vain_is_not_installed_for_ever() -> None:
    """A program that is still too old once apt has installed its own is said, and nothing is tried again."""
    with pytest.raises(MissingError, match="apt has installed what it has"):
        decide("test", with_program(COMPLETE, "sqlite3", (3, 31)), has_tried=True)


def test_chromium_comes_from_playwright_where_apt_has_a_stub() -> None:
    """Ubuntu's package leads to a snap, which does not run in a container."""
    plan = decide("test", replace(with_program(COMPLETE, "Chromium", None), chromium_in_apt=False))
    assert (plan.chromium_from_playwright, plan.apt) == (True, ())
