"""What is made anew, and when."""

import itertools
import json
from pathlib import Path

import pytest

from scripts.setup.needs import GOALS
from scripts.setup.plan import Plan
from scripts.setup.progress import Progress
from scripts.setup.steps import PAGES, ROOT, Step, StepsDone, steps


def nothing(_progress: Progress) -> None:
    """Make nothing."""


def keys(goal: str, plan: Plan) -> list[str]:
    return [step.key for step in steps(goal, plan)]


def test_every_goal_does_what_the_one_before_it_does() -> None:
    """`make test` after `make run` only adds."""
    for less, more in itertools.pairwise(GOALS):
        assert [key for key in keys(more, Plan()) if key in keys(less, Plan())] == keys(less, Plan())


def test_the_order_is_what_one_needs_of_the_other() -> None:
    """The environment, what is in it, Node.js out of it, and what Node.js makes."""
    wanted = ["venv", "python", "node", "npm clients/viewer", "pages"]
    assert keys("run", Plan(venv_tool="ensurepip", node_from_pypi="it is old")) == wanted


def test_a_step_is_done_until_its_files_change(tmp_path: Path) -> None:
    """A changed file, a new one, a product that is gone: each makes it again; a touched file does not."""
    source = tmp_path / "src" / "a.ts"
    source.parent.mkdir()
    source.write_text("1")
    step = Step("Step", "step", nothing, tmp_path, ("src/**/*",))
    before = step.fingerprint(tmp_path)
    source.touch()
    assert step.fingerprint(tmp_path) == before
    source.with_name("b.ts").write_text("2")
    after = step.fingerprint(tmp_path)
    source.write_text("3")
    assert len({before, after, step.fingerprint(tmp_path)}) == 3


def test_what_was_done_is_remembered_while_its_product_is_there(tmp_path: Path) -> None:
    """Unreadable notes count as none: everything is made anew."""
    product = tmp_path / "product"
    step = Step("Step", "step", nothing, product)
    done = StepsDone(tmp_path / "setup.json")
    assert not done.has(step)
    done.add(step)
    assert not done.has(step)
    product.touch()
    assert done.has(step)
    (tmp_path / "setup.json").write_text("[")
    assert not done.has(step)


@pytest.mark.parametrize("file", ["clients/viewer/vite.config.ts", "pyproject.toml", ".gitignore"])
def test_everybody_puts_the_pages_in_the_same_place(file: str) -> None:
    """The build's configuration, the distribution and git name it as well."""
    assert PAGES in (ROOT / file).read_text()


def test_the_javascript_build_tools_are_locked() -> None:
    """`npm ci` installs what the lock file names, nothing newer."""
    for step in steps("test", Plan()):
        if step.key.startswith("npm "):
            lock = ROOT / step.key.removeprefix("npm ") / "package-lock.json"
            assert json.loads(lock.read_text())["lockfileVersion"] >= 2
