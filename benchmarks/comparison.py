"""Medians of the long benchmark's rounds, as tables and plots in ``docs/performance``."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.plot import bars
from benchmarks.table import markdown_table

__all__ = ["DOCUMENTS", "Row", "write_report"]

DOCUMENTS: Final = Path(__file__).parents[1] / "docs" / "performance"
BEGIN: Final = "<!-- figures -->"
END: Final = "<!-- /figures -->"

TITLES: Final = {
    "A": "100 readers × 20,000 lines, as fast as they are taken",
    "B": "1,000 readers × 2,000 lines, as fast as they are taken",
    "C": "200 tasks × 5 readers × 200 lines, as fast as they are taken",
    "D": "100 readers, 1,000 lines/s for 10 s",
    "E": "one reader, 10 lines/s",
    "FA": "A with lines of a real build, plain and compressed",
    "FD": "D with lines of a real build, plain and compressed",
    "G": "10,000 lines through different filters, each of which a tenth of the lines passes",
    "H": "8 producers on the native wire, nobody watching",
    "I": "Otto's wire, one line a message, an answer for each",
    "J": "10,000 idle readers of 1,000 tasks",
    "K": "a task of 1,000,000 lines read again",
    "L": "D over Socket.IO",
    "one": "1 worker on Otto's wire, 20,000 lines as fast as they are answered, 1 viewer",
    "fifty": "50 workers × 1,000 lines as fast as they are answered, 1 viewer each",
    "thin": "300 workers × 5 lines/s for 10 s, 2 viewers each",
    "wide": "1,000 workers × 2 lines/s for 10 s, 1 viewer each",
}
HEADINGS: Final = {
    "cpu_s_per_million": "server CPU s per million lines",
    "cpu_us_per_line": "server CPU µs per line in",
    "lines_per_s": "lines/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "memory_mib": "peak memory MiB",
    "bytes_per_line": "bytes per line on the wire",
    "answer_p99_ms": "answered after ms: p99",
    "ack_p50_ms": "acknowledged after ms, at half rate: p50",
    "ack_max_ms": "longest",
    "kib_per_reader": "KiB per reader",
    "first_line_ms": "first line after ms",
    "tail_first_ms": "last 1,000: first after ms",
    "tail_all_ms": "all after ms",
    "live_p99_ms": "live p99 ms",
    "live_p99_beside_resume_ms": "live p99 ms beside a resume",
    "lost": "lost",
}
WITHOUT_LATENCY: Final = frozenset({"A", "B", "C", "FA", "one", "fifty"})
"""Where everything is sent at once, the age of a line says how long the queue was."""
COMPARED: Final = frozenset({*"ABCDIL", "one", "fifty", "thin", "wide"})
"""Where other servers do the same work."""
PLOTTED: Final = ("A", "B", "C", "D", "L")


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one run."""

    scenario: str
    subject: str
    round: int
    figures: Mapping[str, float]

    def document(self) -> dict[str, object]:
        """As it is kept."""
        return {"scenario": self.scenario, "subject": self.subject, "round": self.round, **self.figures}

    @classmethod
    def of(cls, document: dict[str, object]) -> "Row":
        """From what was kept."""
        figures = {name: value for name, value in document.items() if isinstance(value, int | float)}
        return cls(str(document["scenario"]), str(document["subject"]), int(figures.pop("round")), figures)


def write_report(results: Path) -> None:
    """Put the tables into ``README.md`` of the results' folder, between its marks, and the plots beside it."""
    rows = [Row.of(json.loads(line)) for line in results.read_text().splitlines()]
    parts = []
    for scenario, title in TITLES.items():
        of_scenario = [row for row in rows if row.scenario == scenario]
        if not of_scenario:
            continue
        medians = _medians(of_scenario)
        rounds = max(row.round for row in of_scenario) + 1
        disturbed = sum(bool(row.figures["disturbed"]) for row in of_scenario)
        note = f"; {disturbed} of {len(of_scenario)} runs disturbed by other work" if disturbed else ""
        part = f"### {scenario}: {title}\n\nMedian of {rounds}{note}.\n\n{_table(scenario, medians)}"
        if scenario in PLOTTED:
            costs = {subject: figures["cpu_s_per_million"] for subject, figures in medians.items()}
            svg = bars(f"{scenario}: {title}", "server CPU seconds per million delivered lines", costs)
            (results.parent / f"{scenario.lower()}.svg").write_text(svg)
            part += f"\n\n![{scenario}]({scenario.lower()}.svg)"
        parts.append(part)
    document = results.parent / "README.md"
    before, _, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{document} has no {BEGIN} … {END}")
    document.write_text(f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}{after}")


def _medians(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Of each subject the median of each figure; of what was lost, the most."""
    medians: dict[str, dict[str, float]] = {}
    for subject in dict.fromkeys(row.subject for row in rows):
        of_subject = [row.figures for row in rows if row.subject == subject]
        medians[subject] = {
            name: (max if name == "lost" else statistics.median)([figures[name] for figures in of_subject])
            for name in of_subject[0]
        }
    return medians


def _table(scenario: str, medians: Mapping[str, Mapping[str, float]]) -> str:
    subjects = list(medians)
    names = [name for name in HEADINGS if name in medians[subjects[0]]]
    if scenario in WITHOUT_LATENCY:
        names = [name for name in names if name not in {"p50_ms", "p99_ms"}]
    head = ["", *(HEADINGS[name] for name in names)]
    cost = next((name for name in ("cpu_s_per_million", "cpu_us_per_line") if name in names), "")
    ours = medians[subjects[0]].get(cost)
    is_compared = bool(ours) and scenario in COMPARED
    if is_compared:
        head.append("CPU beside the gateway's")
    table = []
    for subject in subjects:
        cells = [subject, *(_number(medians[subject][name]) for name in names)]
        if is_compared and ours:
            cells.append(f"{medians[subject][cost] / ours:.2g} ×")
        table.append(cells)
    return markdown_table(head, table)


def _number(value: float) -> str:
    """Three digits, and no more than are needed."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
