"""What the gateway costs as tasks and lines grow.

``python -m benchmarks.growth`` makes databases of 1,000 to 1,000,000 tasks of ten lines, and of 1 to 30 million lines
in tasks of 250,000, each through the journal itself. It measures for each: a start of the gateway and its memory, pages
of the task list, searches with and without hits, a backup, a check, and the bytes on the disk; of tasks also what is
left once retention has removed all but a thousand. It writes tables and curves beside the results, as ``growth.md``.

What was measured is kept in ``--results``, and not measured again: a run that was broken off, or one with other sizes,
continues. ``make bench-growth`` is the whole of it. ``--tasks 1000 10000 --lines 1`` are two minutes.

``--prepare --directory D`` only makes the databases, which a machine may do beside other work. A run with the same
directory then measures copies of them, on a machine that has nothing else to do, and removes each once it is measured.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import growth_data
from benchmarks.growth_costs import costs_of_lines, costs_of_tasks
from benchmarks.plot import curves

Measurement = dict[str, float]
Key = tuple[str, float]
"""What there is many of, and how many."""

_FOLDER: Final = Path(__file__).parents[1] / "docs" / "performance"
_INTRODUCTION: Final = """# Growth

What the gateway costs as tasks and lines grow. This page is written by `make bench-growth`
([how](../../benchmarks/README.md)). Milliseconds and seconds are wall time, of pages medians of ten; other programs on
the machine make them longer, and their ratios less exact. Tasks have ten lines each and no
[summaries](../decisions/0023-summaries-of-chunks.md) yet; lines are in tasks of 250,000, and have theirs.
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
    parser.add_argument("--directory", type=Path, help="of the databases, each of which is removed once it is measured")
    parser.add_argument("--results", type=Path, default=_FOLDER / "growth.jsonl")
    parser.add_argument("--prepare", action="store_true", help="make the databases in --directory, and measure nothing")
    options = parser.parse_args()
    if options.prepare and options.directory is None:
        parser.error("--prepare needs --directory")
    return options


async def main() -> None:
    """Measure what is not known yet, then print and draw all of it."""
    options = _options()
    known = _known(options.results)
    sizes = [("tasks", float(tasks)) for tasks in options.tasks] + [("lines", size * 1e6) for size in options.lines]
    if options.directory is not None:
        options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="otto-growth-", dir=options.directory) as scratch:
        for key in (size for size in sizes if size not in known):
            await _taken(key, options, known, Path(scratch))
    if not options.prepare:
        _write(options.results, known)


async def _taken(key: Key, options: argparse.Namespace, known: dict[Key, Measurement], scratch: Path) -> None:
    """Make a database where there is none, and unless that is all, measure it."""
    kind, size = key
    made = (options.directory or scratch / "made") / f"growth-{kind}-{size:.0f}"
    if not (made / "made.json").exists():
        _say(f"{size:,.0f} {kind}: making them")
        await _make(key, made)
    if options.prepare:
        return
    _say(f"{size:,.0f} {kind}: measuring them{_estimate(key, known)}")
    started = time.monotonic()
    copy = scratch / made.name
    copy.mkdir()
    shutil.copyfile(made / "otto.db", copy / "otto.db")  # measuring changes it
    found: Measurement = json.loads((made / "made.json").read_text())
    found |= await (costs_of_tasks(copy, int(size)) if kind == "tasks" else costs_of_lines(copy, found["text_mb"]))
    shutil.rmtree(copy)
    known[key] = found | {"measured_s": time.monotonic() - started}
    _say(f"{size:,.0f} {kind}: measured in {known[key]['measured_s']:.0f} s")
    with options.results.open("a") as file:
        file.write(json.dumps({"kind": kind, "size": size, "cores": os.cpu_count(), **known[key]}) + "\n")
    shutil.rmtree(made)


async def _make(key: Key, folder: Path) -> None:
    """A database of this size; ``made.json`` is written last, and says that it is whole."""
    kind, size = key
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.monotonic()
    text = await (growth_data.store_tasks if kind == "tasks" else growth_data.store_lines)(
        folder / "otto.db", int(size)
    )
    facts = {"fill_s": time.monotonic() - started, "text_mb": text / 1e6}
    (folder / "made.json").write_text(json.dumps(facts))


def _estimate(key: Key, known: dict[Key, Measurement]) -> str:
    """How long it may take, by the largest that was measured; what does not grow makes it less."""
    kind, size = key
    largest = max((of[1] for of in known if of[0] == kind and of[1] < size), default=None)
    seconds = None if largest is None else known[kind, largest].get("measured_s")
    return "" if seconds is None else f", {size / (largest or size) * seconds:.0f} s at most"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _write(results: Path, known: dict[Key, Measurement]) -> None:
    """The page and its curves, of everything that is known."""
    page = _INTRODUCTION
    for kind, names in (("tasks", _TASK_CURVES), ("lines", _LINE_CURVES)):
        rows = {size: found for (of, size), found in sorted(known.items()) if of == kind}
        page += f"\n## {kind.capitalize()}\n{_table(kind, rows)}"
        if len(rows) > 1:
            series = {_NAMES[name]: [(size, found[name]) for size, found in rows.items()] for name in names}
            drawn = results.with_name(f"growth-{kind}.svg")
            drawn.write_text(curves(f"Cost by the number of {kind}", kind, series))
            page += f"\n![{kind.capitalize()}]({drawn.name})\n"
    results.with_suffix(".md").write_text(page)
    print(page)


def _known(results: Path) -> dict[Key, Measurement]:
    found: dict[Key, Measurement] = {}
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
