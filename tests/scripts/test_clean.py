"""``make clean``, in a clone where everything was made."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import clean as module
from scripts.clean import HERE, clean
from scripts.setup.needs import GOALS
from scripts.setup.plan import Plan
from scripts.setup.steps import steps

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """An empty repository that ignores what this one does."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    return tmp_path


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "file").touch()
    return path


def ignored(clone: Path) -> str:
    status = ["git", "status", "--short", "--ignored"]
    return subprocess.run(status, cwd=clone, check=True, capture_output=True, text=True).stdout


def test_everything_that_was_made_is_removed(clone: Path) -> None:
    """Environment, packages, builds and caches, in every folder; git sees an untouched clone."""
    for name in (*HERE, "clients/js/node_modules", "tests/x/__pycache__", "gateway/.mypy_cache", ".hypothesis"):
        made(clone / name)
    clean(clone)
    assert ignored(clone) == "?? .gitignore\n"


def test_what_setup_makes_is_known(clone: Path) -> None:
    """A product of any step is in what is removed."""
    for goal in GOALS:
        for step in steps(goal, Plan(venv_tool="uv", node_from_pypi="it is old")):
            product = clone / step.product.relative_to(ROOT)
            made(product)
            clean(clone)
            assert not product.exists(), step.title


def test_what_somebody_else_made_is_left_and_named(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database of one's own is ignored by git, and dear."""
    (clone / "mine.db").touch()
    made(clone / "__pycache__")
    monkeypatch.setattr(module, "ROOT", clone)
    module.main()
    assert capsys.readouterr().out == "left alone, though git ignores it: mine.db\n"
    assert (clone / "mine.db").exists()


def test_another_clone_inside_is_left_alone(clone: Path) -> None:
    """A worktree has an environment of its own."""
    (made(clone / "worktrees/other") / ".git").touch()
    theirs = made(clone / "worktrees/other/node_modules")
    clean(clone)
    assert theirs.exists()
