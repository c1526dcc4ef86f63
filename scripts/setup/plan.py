"""From what was found to what is to be done: decisions alone, nothing is looked up or changed here."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scripts.setup.needs import CHROMIUM, NODE, NPM, Need, Version, is_enough_node, needs_of, written

__all__ = ["Machine", "MissingError", "Plan", "decide"]

VENV_TOOLS = ("ensurepip", "uv", "virtualenv", "pip")
"""What can make a virtual environment with pip in it, the best first."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found.

    ``programs`` has the version of what was found by the names of ``NEEDS``, ``NODE`` and ``NPM``; ``venv_tools`` is
    a part of ``VENV_TOOLS``. ``rights`` is how apt may be used: ``root``, ``sudo`` (without a password), or empty.
    ``chromium_in_apt`` is false where apt has none but a stub, as on Ubuntu.
    """

    programs: Mapping[str, Version | None] = field(default_factory=dict)
    venv_tools: tuple[str, ...] = ("ensurepip",)
    has_venv: bool = False
    has_apt: bool = True
    rights: str = "root"
    chromium_in_apt: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and in ``reasons`` why, a line each.

    ``venv_tool`` makes the virtual environment; empty: there is one. ``node_from_pypi`` is why Node.js comes from
    there; empty: the machine's will do. ``without`` is what tests will be skipped for.
    ``may_install``: what comes with an installer of its own may use apt as well.
    """

    reasons: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    venv_tool: str = ""
    node_from_pypi: str = ""
    chromium_from_playwright: bool = False
    may_install: bool = False
    without: tuple[str, ...] = ()


class MissingError(Exception):
    """It cannot continue; the text says what is missing and what to run."""


def decide(goal: str, machine: Machine, *, may_skip: bool = False, has_tried: bool = False) -> Plan:
    """The plan for ``goal``, one of ``GOALS``.

    Args:
        goal: what is to be done afterwards.
        machine: what was found.
        may_skip: tests that need what is missing may be skipped.
        has_tried: apt has just installed what it could.

    Raises:
        MissingError: something is missing that may not be installed from here, or that apt does not have.
    """
    missing = [need for need in needs_of(goal) if not need.is_met(machine.programs.get(need.name))]
    reasons = [_reason(need, machine.programs.get(need.name)) for need in missing]
    from_playwright = CHROMIUM in missing and not machine.chromium_in_apt
    if from_playwright:
        missing.remove(CHROMIUM)
        reasons.append("apt has no Chromium here: Playwright's own is taken")
    apt = [package for need in missing for package in need.packages]

    tools = [tool for tool in VENV_TOOLS if tool in machine.venv_tools]
    venv_tool = "" if machine.has_venv else next(iter(tools), None)
    can_install = machine.has_apt and bool(machine.rights) and not has_tried
    if venv_tool is None or (venv_tool == "pip" and can_install):
        reasons.append("python3-venv: this Python makes no virtual environment with pip (no ensurepip)")
        apt.append("python3-venv")
        venv_tool = "ensurepip"

    plan = Plan(
        reasons=tuple(reasons),
        apt=tuple(apt),
        venv_tool=venv_tool,
        node_from_pypi=_why_node_from_pypi(machine),
        chromium_from_playwright=from_playwright,
        may_install=machine.has_apt and bool(machine.rights),
    )
    if not apt or can_install:
        return plan
    if may_skip and "python3-venv" not in apt:
        return replace(plan, apt=(), without=tuple(need.name for need in missing))
    raise MissingError(_refusal(goal, plan, machine, has_tried=has_tried))


def _reason(need: Need, version: Version | None) -> str:
    found = f"here is {written(version)}" if version else "it is not here"
    return f"{need}: {need.why}; {found}"


def _why_node_from_pypi(machine: Machine) -> str:
    node, npm = machine.programs.get(NODE.name), machine.programs.get(NPM.name)
    if not is_enough_node(node):
        return _reason(NODE, node)
    return "" if NPM.is_met(npm) else _reason(NPM, npm)


def _refusal(goal: str, plan: Plan, machine: Machine, *, has_tried: bool) -> str:
    command = shlex.join(["apt-get", "install", "-y", "--no-install-recommends", *plan.apt])
    lines = ["This is missing:", *(f"  {reason}" for reason in plan.reasons)]
    if has_tried:
        lines.append("apt has installed what it has; a newer one has to come from elsewhere.")
    elif machine.has_apt:
        lines += ["Nothing may be installed from here (neither root nor sudo without a password). Run this as root:"]
        lines.append(f"  apt-get update && {command}")
    else:
        lines.append("This system has no apt: install these by its own means.")
        if "python3-venv" in plan.apt:
            lines.append("For Python's virtual environment, `uv` or `virtualenv` on PATH will do.")
    if goal in ("fast", "test") and "python3-venv" not in plan.apt:
        lines.append("Or leave out the tests that need it: make ALLOW_SKIPS=1 ...")
    return "\n".join(lines)
