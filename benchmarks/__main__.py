"""``make bench``: run everything once, print the tables and keep them in ``benchmarks/build/results.md``."""

import argparse
import asyncio
import os
import platform
import resource
import time
from pathlib import Path

from benchmarks import native_programs
from benchmarks.scenarios import Delivery, Intake, deliver, take_in
from benchmarks.servers import Load, gateway, raw
from benchmarks.table import delivery_table, intake_table, latency_table

FAN_OUT = ((1, 200_000), (100, 20_000), (1_000, 2_000))
"""Subscribers, and lines that each of them is given."""

STEADY = ((1, 1_000), (100, 1_000), (1_000, 200))
"""Subscribers, and lines a second that go in."""

STEADY_SECONDS = 5

FIGURES_BEGIN = "<!-- figures -->"
FIGURES_END = "<!-- /figures -->"


async def measure(scale: float) -> str:
    """Run all scenarios; the report."""
    intakes: list[Intake] = []
    for wire, batch, lines, durability in (
        ("native", 1000, 200_000, "full"),
        ("native", 100, 100_000, "full"),
        ("native", 1000, 200_000, "process"),
        ("otto", 1, 20_000, "full"),
    ):
        say(f"{lines * scale:,.0f} lines in, {wire} wire, {batch} a message, durability {durability}")
        intakes.append(await take_in(wire, lines=int(lines * scale), batch=batch, durability=durability))
    fastest: list[Delivery] = []
    for subscribers, full in FAN_OUT:
        load = Load(readers=subscribers, lines=int(full * scale), batch=1000)
        say(f"{load.lines:,} lines to {subscribers:,} subscribers, as fast as possible")
        fastest += [await deliver(server, load) for server in (gateway(), raw(100))]
    say("the raw writer again, one line a write")
    fastest.append(await deliver(raw(1), Load(readers=100, lines=int(5_000 * scale))))
    steady: list[Delivery] = []
    for subscribers, rate in STEADY:
        load = Load(readers=subscribers, lines=int(rate * STEADY_SECONDS * scale), rate=rate, sample_every=1)
        say(f"{rate:,} lines/s to {subscribers:,} subscribers")
        steady += [await deliver(server, load) for server in (gateway(), raw(1))]
    runs: list[Intake | Delivery] = [*intakes, *fastest, *steady]
    disturbed = sum(run.is_disturbed for run in runs)
    return "\n\n".join(
        [
            f"{machine()}, {time.strftime('%Y-%m-%d')}; {disturbed} of {len(runs)} runs disturbed by other work.",
            "**Lines in**, one producer, nobody watching; acknowledged means committed:",
            intake_table(intakes),
            "**Lines out**, as fast as possible: one producer (native wire), the journal, every subscriber (SSE):",
            delivery_table(fastest),
            "**Latency**, from when a line is due at the producer to its arrival at a subscriber, commit included:",
            latency_table(steady),
        ]
    )


def machine() -> str:
    """What this ran on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, Python {platform.python_version()}"


def say(text: str) -> None:
    """Show what runs now."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def replace_figures(document: Path, report: str) -> None:
    """Put the report between the two marks of a document."""
    before, _, rest = document.read_text().partition(FIGURES_BEGIN)
    _, end, after = rest.partition(FIGURES_END)
    if not end:
        raise SystemExit(f"{document} has no {FIGURES_BEGIN} … {FIGURES_END}")
    document.write_text(f"{before}{FIGURES_BEGIN}\n{report}\n{end}{after}")


def main() -> None:
    """Compile, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, nargs="*", default=[], help="documents whose figures are to be replaced")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the lines, to try it out")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    native_programs.build()
    report = asyncio.run(measure(options.scale))
    (native_programs.BUILD / "results.md").write_text(report + "\n")
    for document in options.into:
        replace_figures(document, report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()
