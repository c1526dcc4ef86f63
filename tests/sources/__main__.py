"""``python -m tests.sources [--into docs/sources.md]``: documented sources and platforms, and what arrived."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.sources.recipes import recipes
from tests.sources.runs import LINES, Place, run_otel, run_recipe, run_rotel, run_shell, running_place

BEGIN, END = "<!-- what was run -->\n", "<!-- /what was run -->\n"


async def rows(place: Place) -> AsyncIterator[tuple[str, str, str]]:
    """Source or platform, what was run, what arrived."""
    code, entries = await run_shell(place, 0)
    yield "shell, curl", "`make 2>&1 | curl -T -`", f"{len(entries)} of 2 lines, curl ended with {code}"
    code, entries = await run_shell(place, 1)
    ((name, value),) = dict(entries[-1]["metadata"]).items()  # type: ignore[call-overload]
    arrived = f"`{entries[-1]['message']}` with `{name}` = `{value}`, curl ended with {code}"
    yield "shell, curl", "one line of JSON", arrived
    sdk = f"SDK for Python {version('opentelemetry-sdk')}"
    for protocol, wire in (("http", "HTTP, protobuf, gzip"), ("grpc", "gRPC, TLS, gzip")):
        entries = await run_otel(place, protocol)
        yield f"OpenTelemetry, {sdk}", f"the exported variables, {wire}", f"{len(entries)} of {LINES} lines"
    entries = await run_rotel(place)
    yield f"rotel {version('rotel')}", "the command, a sender of OTLP before it", f"{len(entries)} of {LINES} lines"
    for recipe in recipes():
        code, entries = await run_recipe(place, recipe)
        arrived = f"{len(entries)} of 2 lines in `{entries[0]['taskId']}`, worker `{entries[0]['workerId']}`"
        yield recipe.system, f"the command, by its system's shell; {recipe.checked}", f"{arrived}, exit code {code}"


async def table() -> str:
    """All rows in Markdown."""
    lines = ["| source or platform | what was run | what arrived |", "| --- | --- | --- |"]
    with tempfile.TemporaryDirectory(prefix="otto-sources-") as folder:
        async with running_place(Path(folder)) as place:
            async for row in rows(place):
                lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |")
                print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Print the table, or put it into a document."""
    made = asyncio.run(table())
    if not arguments:
        print(made, end="")
        return
    path = Path(arguments[-1])
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    path.write_text(f"{before}{BEGIN}{made}{END}{rest.partition(END)[2]}", encoding="utf-8")


main(sys.argv[1:])
