"""What the gateway costs as tasks and lines grow.

``python -m benchmarks.growth`` makes databases of 1,000 to 1,000,000 tasks of ten lines, and of 1 to 30 million lines
in tasks of 250,000, each through the journal itself. It measures for each: a start of the gateway and its memory, pages
of the task list, searches with and without hits, a backup, a check, and the bytes on the disk; of tasks also what is
left once retention has removed all but a thousand. It writes tables and curves beside the results, as ``growth.md``.

What was measured is kept in ``--results``, and not measured again: a run that was broken off, or one with other sizes,
continues. ``make bench-growth`` is the whole of it. ``--tasks 1000 10000 --lines 1`` are two minutes.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import growth_data
from benchmarks.growth_costs import costs_of_lines, costs_of_tasks
from benchmarks.plot import curves

Measurement = dict[str, float]

_FOLDER: Final = Path(__file__).parents[1] / "docs" / "performance"
_INTRODUCTION: Final = """# Growth

What the gateway costs as tasks and lines grow. This page is written by `make bench-growth`
([how](../../benchmarks/README.md)); milliseconds and seconds are medians of wall time, on a machine that has nothing
else to do.
"""
_TASK_CURVES: Final = ("page_ms", "middle_ms", "status_ms", "start_s")
_LINE_CURVES: Final = ("start_s", "rare_s", "nowhere_s", "backup_s", "verify_s")
_NAMES: Final = {
    "page_ms": "first page, ms",
    "middle_ms": "page in the middle, ms",
    "status_ms": "page by status, ms",
    "id_ms": "part of a name, ms",
    "start_s": "start, s",
    "memory_mb": "memory, MB",
    "search_s": "search without hits, s",
    "rare_s": "word in 10 lines, s",
    "nowhere_s": "word in none, s",
    "backup_s": "backup, s",
    "verify_s": "verify, s",
    "sample_s": "verify --sample 5, s",
    "disk_mb": "disk, MB",
    "fill_s": "filled in, s",
    "text_mb": "text, MB",
    "summaries_percent": "summaries, % of text",
    "summarize_s": "summarised in, s",
    "rows_kept": "rows after retention",
    "kept_page_ms": "page after it, ms",
    "kept_disk_mb": "disk after it and compact, MB",
    "retention_s": "retention, s",
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--lines", type=float, nargs="*", default=[1, 10, 30], help="millions")
    parser.add_argument("--directory", type=Path, help="of the databases, which are removed again")
    parser.add_argument("--results", type=Path, default=_FOLDER / "growth.jsonl")
    return parser.parse_args()


async def main() -> None:
    """Measure what is not known yet, then print and draw all of it."""
    options = _options()
    known = _known(options.results)
    for tasks in options.tasks:
        await _measured(("tasks", tasks), options, known, lambda path, size=tasks: _of_tasks(path, size))
    for millions in options.lines:
        await _measured(("lines", millions * 1e6), options, known, lambda path, size=millions: _of_lines(path, size))
    page = _INTRODUCTION
    for kind, names in (("tasks", _TASK_CURVES), ("lines", _LINE_CURVES)):
        rows = {size: found for (of, size), found in sorted(known.items()) if of == kind}
        page += f"\n## {kind.capitalize()}\n{_table(kind, rows)}"
        if len(rows) > 1:
            series = {_NAMES[name]: [(size, found[name]) for size, found in rows.items()] for name in names}
            drawn = options.results.with_name(f"growth-{kind}.svg")
            drawn.write_text(curves(f"Cost by the number of {kind}", kind, series))
            page += f"\n![{kind.capitalize()}]({drawn.name})\n"
    options.results.with_suffix(".md").write_text(page)
    print(page)


async def _measured(
    key: tuple[str, float],
    options: argparse.Namespace,
    known: dict[tuple[str, float], Measurement],
    measure: Callable[[Path], Any],
) -> None:
    if key in known:
        return
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="otto-growth-", dir=options.directory))
    try:
        known[key] = await measure(folder)
    finally:
        shutil.rmtree(folder)
    print(f"{key[1]:,.0f} {key[0]} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    with options.results.open("a") as file:
        file.write(json.dumps({"kind": key[0], "size": key[1], "cores": os.cpu_count(), **known[key]}) + "\n")


async def _of_tasks(folder: Path, tasks: int) -> Measurement:
    started = time.monotonic()
    await growth_data.store_tasks(folder / "otto.db", tasks)
    return {"fill_s": time.monotonic() - started, **await costs_of_tasks(folder, tasks)}


async def _of_lines(folder: Path, millions: float) -> Measurement:
    started = time.monotonic()
    text = await growth_data.store_lines(folder / "otto.db", int(millions * 1e6))
    filled = time.monotonic() - started
    return {"fill_s": filled, "text_mb": text / 1e6, **await costs_of_lines(folder, text)}


def _known(results: Path) -> dict[tuple[str, float], Measurement]:
    found: dict[tuple[str, float], Measurement] = {}
    for line in results.read_text().splitlines() if results.exists() else ():
        row = json.loads(line)
        found[row.pop("kind"), row.pop("size")] = row
    return found


def _table(kind: str, rows: dict[float, Measurement]) -> str:
    names: Sequence[str] = [name for name in _NAMES if any(name in row for row in rows.values())]
    lines = [f"| {kind} | " + " | ".join(_NAMES[name] for name in names) + " |", "| --- " * (len(names) + 1) + "|"]
    lines += [
        f"| {size:,.0f} | " + " | ".join(f"{row[name]:,.3g}" if name in row else "" for name in names) + " |"
        for size, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    asyncio.run(main())
