"""``python3 -m scripts.setup GOAL``: what is missing is installed, what has changed is made anew.

Exit codes: 0, all is there; 2, something is missing, and it was said what to run; 1, a step has failed.
"""

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scripts.setup.apt import install
from scripts.setup.machine import ROOT, VENV, examine
from scripts.setup.needs import GOALS
from scripts.setup.plan import MissingError, Plan, decide
from scripts.setup.progress import Progress, StepError
from scripts.setup.steps import Step, StepsDone, steps

__all__ = ["main"]

LOG = ROOT / "var" / "setup.log"
FAILED, REFUSED = 1, 2


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    (goal,) = arguments if len(arguments) == 1 and arguments[0] in GOALS else (None,)
    if goal is None:
        print(f"usage: python3 -m scripts.setup {{{','.join(GOALS)}}}", file=sys.stderr)
        return REFUSED
    _forget_own_programs()
    try:
        with _alone():
            _set_up(goal, may_skip=os.environ.get("ALLOW_SKIPS", "") not in ("", "0"))
    except MissingError as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED
    except StepError as failure:
        print(failure, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted; the same command continues where this ended", file=sys.stderr)
        return 130
    return 0


def _set_up(goal: str, *, may_skip: bool) -> None:
    machine = examine(goal)
    plan = decide(goal, machine, may_skip=may_skip)
    done = StepsDone()
    pending = _pending(goal, plan, done)
    if plan.apt or pending or plan.without:
        print(f"Setting up for {goal!r}:", *(f"  {reason}" for reason in plan.reasons), sep="\n", flush=True)
    if plan.without:
        print(f"  Tests will be skipped for want of {', '.join(plan.without)}.", flush=True)
    if not plan.apt and not pending:
        return
    progress = Progress(LOG, len(pending) + bool(plan.apt))
    if plan.apt:
        with progress.step(f"Debian packages: {' '.join(plan.apt)}"):
            install(plan.apt, machine.rights, progress)
        plan = decide(goal, examine(goal), may_skip=may_skip, has_tried=True)
        pending = _pending(goal, plan, done)
        progress.steps = len(pending) + 1
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for step in pending:
        with progress.step(step.title):
            step.make(progress)
        done.add(step)
    print(f"All is there for {goal!r}; what the tools printed is in {LOG.relative_to(ROOT)}", flush=True)


def _pending(goal: str, plan: Plan, done: StepsDone) -> list[Step]:
    return [step for step in steps(goal, plan) if plan.venv_tool or not done.has(step)]


def _forget_own_programs() -> None:
    """What is in ``.venv`` is not the machine's."""
    own = str(VENV / "bin")
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(directory for directory in path if directory != own)
    os.environ.pop("VIRTUAL_ENV", None)


@contextmanager
def _alone() -> Iterator[None]:
    """Two commands in one clone wait for each other."""
    LOG.parent.mkdir(exist_ok=True)
    with (LOG.parent / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("waiting for another setup in this clone …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
