"""Plant small bugs in the pure modules, and list those that no test notices: ``make mutants``.

mutmut makes the changes and runs the tests that reach each of them, in forks of one process: some hundred times faster
than one pytest per change, as cosmic-ray has it, and not in the files of the working tree. What is changed, and which
tests count, is in ``[tool.mutmut]`` of pyproject.toml.

A run ends after ``MUTANTS_SECONDS`` (600) at the latest, preparation included. Changes are tried a tenth of all modules
at a time, because mutmut takes the quickest first and a short run would else see none of some modules. Results are kept
in build/mutants: the next run tries again what survived and what has changed since, and continues with the others.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mutmut.mutation.diff_apply import get_diff_for_mutant

ROOT: Final = Path(__file__).parents[1]
TREE: Final = ROOT / "build" / "mutants"
LOG: Final = TREE / "mutmut.log"
COPIED: Final = ("filters", "sessions", "storage", "components", "gateway", "tests")
IGNORED: Final = shutil.ignore_patterns("__pycache__", "node_modules", "built")
KILLED: Final = frozenset({1, 3})
SURVIVED: Final = 0
UNREACHED: Final = frozenset({5, 33})
STOP_SECONDS: Final = 30
"""For mutmut to note what its workers were at."""


def copy_sources() -> None:
    """Bring the copy up to date; times of files stay, since they say what has to be changed anew."""
    for old in TREE.iterdir():
        if old.is_dir() and old.name != "mutants":
            shutil.rmtree(old)
    for name in COPIED:
        shutil.copytree(ROOT / name, TREE / name, ignore=IGNORED)
    shutil.copy2(ROOT / "pyproject.toml", TREE)


def results() -> Iterator[tuple[Path, dict[str, Any]]]:
    """What mutmut knows of each module that still exists: its file of results, and the content."""
    for path in sorted((TREE / "mutants").rglob("*.py.meta")):
        if (TREE / path.relative_to(TREE / "mutants").with_suffix("")).exists():
            yield path, json.loads(path.read_text())


def forget_survivors() -> list[str]:
    """Make those that were not noticed untried again, for a test may have been added; their names."""
    forgotten: list[str] = []
    for path, content in results():
        codes: dict[str, int | None] = content["exit_code_by_key"]
        forgotten += [name for name, code in codes.items() if code is not None and code not in KILLED | UNREACHED]
        content["exit_code_by_key"] = {name: code if code in KILLED else None for name, code in codes.items()}
        path.write_text(json.dumps(content))
    return forgotten


def next_tenth() -> list[str]:
    """Untried changes whose numbers end with the same digit, the one with most of them; of all where none is known."""
    tenths: defaultdict[str, list[str]] = defaultdict(list)
    for _, content in results():
        for name, code in content["exit_code_by_key"].items():
            if code is None:
                tenths[name[-1]].append(name)
    if tenths or any(results()):
        return max(tenths.values(), key=len, default=[])
    return ["*__mutmut_*1"]


def run_mutmut(names: Sequence[str], seconds: float) -> int | None:
    """Its exit code; None if the time was up."""
    program = str(Path(sys.executable).with_name("mutmut"))
    command = [program, "run", "--max-children", str(os.cpu_count() or 2), *names]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutants"}
    with LOG.open("w") as log:
        process = subprocess.Popen(
            command, cwd=TREE, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            return None
        finally:
            if process.poll() is None:  # else its number may be another's by now
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def report() -> Iterator[str]:
    """The score by module, then every change that survived."""
    survivors: list[tuple[str, Path]] = []
    total: Counter[str] = Counter()
    yield f"{'module':42}  score  killed  survived  timed out  not reached  not tried"
    for path, content in results():
        module = path.relative_to(TREE / "mutants").with_suffix("")
        codes: dict[str, int | None] = content["exit_code_by_key"]
        if not codes:
            continue
        counts = Counter(map(_outcome, codes.values()))
        total += counts
        survivors += [(name, module) for name, code in codes.items() if code == SURVIVED]
        yield _row(str(module), counts)
    yield _row("all", total)
    for name, module in survivors:
        yield f"\nsurvived: {name}"
        diff = get_diff_for_mutant(name, path=module).splitlines()
        yield from (line for line in diff if line[:1] in "-+" and line[:3] not in ("---", "+++"))


def _outcome(code: int | None) -> str:
    if code is None:
        return "not tried"
    if code in UNREACHED:
        return "not reached"
    return "killed" if code in KILLED else "survived" if code == SURVIVED else "timed out"


def _row(name: str, counts: Counter[str]) -> str:
    found = counts["killed"] + counts["timed out"]
    tried = found + counts["survived"]
    score = f"{100 * found // tried:4} %" if tried else "     -"
    columns = ("killed", "survived", "timed out", "not reached", "not tried")
    return f"{name:42} {score}" + "".join(f"{counts[column]:{len(column) + 2}}" for column in columns)


def main() -> int:
    """Run, and print."""
    seconds = float(os.environ.get("MUTANTS_SECONDS", "600"))
    give_up_at = time.monotonic() + seconds
    TREE.mkdir(parents=True, exist_ok=True)
    copy_sources()
    print(f"planting bugs for {seconds:.0f} s at most; mutmut writes to {LOG.relative_to(ROOT)}", flush=True)
    code: int | None = 0
    names = [*dict.fromkeys([*forget_survivors(), *next_tenth()])]
    while names and code is not None:
        code = run_mutmut(names, max(1.0, give_up_at - time.monotonic()))
        before, names = names, next_tenth()
        if code and (names == before or not any(results())):
            print("\n".join(LOG.read_text(errors="replace").replace("\r", "\n").splitlines()[-40:]), file=sys.stderr)
            return abs(code)
        if code:  # whatever ended it, a signal perhaps: what it has tried counts
            print(f"mutmut ended with {code}; going on", flush=True)
        elif names == before:
            break
    os.chdir(TREE)  # where mutmut looks for what it has made
    for line in report():
        print(line)
    if code is None:
        print("\nthe time was up; the next run continues from here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
