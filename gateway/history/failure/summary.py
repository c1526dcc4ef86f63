"""The summary of a task, as JSON and as Markdown, within a number of characters."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from gateway.history.failure.comparison import Comparison, MessageKind, TaskComparison
from gateway.history.failure.findings import Place
from gateway.history.openapi import Status

__all__ = ["Cause", "Line", "TaskSummary", "comparison_markdown", "markdown", "within"]

_TEXT_CHARACTERS: Final = 200


class Line(msgspec.Struct, rename="camel"):
    """One line of the log, without colours."""

    sequence: int
    worker_id: str
    message: str


class Cause(msgspec.Struct, rename="camel"):
    """The event that most likely made the task fail."""

    rule: Annotated[str, msgspec.Meta(description="`test`, `compiler`, `crash`, …, or `first error`.")]
    headline: Annotated[str, msgspec.Meta(description="The cause in one line.")]
    worker_id: str
    first_sequence: int
    last_sequence: int
    lines: Annotated[list[str], msgspec.Meta(description="Its lines, the middle left out where they are many.")]


class NamedPlace(msgspec.Struct, rename="camel", omit_defaults=True):
    """A failed test, or what a tool says of a place."""

    sequence: int
    name: str = ""
    file: str = ""
    line: int = 0
    message: str = ""


class TaskSummary(msgspec.Struct, rename="camel", kw_only=True):
    """Why a task failed, or how far it is."""

    task_id: str
    status: Status
    reason: Annotated[str, msgspec.Meta(description="What ended it.", examples=["exit code 2"])]
    exit_code: int | None
    signal: str | None
    command: str | None
    directory: str | None
    started_at: str | None
    ended_at: str | None
    duration_seconds: float | None
    labels: dict[str, str]
    lines: int
    last_sequence: int
    first_error: Line | None
    cause: Cause | None
    failed_tests: list[NamedPlace]
    failed_test_count: Annotated[int, msgspec.Meta(description="Of all that were found, also of those left out.")]
    annotations: list[NamedPlace]
    annotation_count: int
    comparison: Annotated[
        Comparison | None, msgspec.Meta(description="With the last good run of the same name; null: there is none.")
    ]
    is_complete: Annotated[
        bool, msgspec.Meta(description="False: errors between the first and the last were not read.")
    ]


def places(found: Sequence[Place]) -> list[NamedPlace]:
    """As they are in a document."""
    return [
        NamedPlace(each.sequence, each.name[:_TEXT_CHARACTERS], each.file, each.line, each.message[:_TEXT_CHARACTERS])
        for each in found
    ]


def within(summary: TaskSummary, characters_max: int) -> bytes:
    """The summary as JSON of at most so many characters, as far as leaving out can do it.

    First goes what the good run alone says, then what it does not say beyond the third, then annotations beyond the
    third, tests beyond the tenth, the middle of the cause, and the rest.
    """
    keep = ((3, "annotations"), (10, "failed_tests"))
    if summary.comparison is not None:
        _shorten(summary.comparison.disappeared, 0, summary, characters_max)
        _shorten(summary.comparison.appeared, 3, summary, characters_max)
    for count, name in keep:
        _shorten(getattr(summary, name), count, summary, characters_max)
    while (
        summary.cause is not None
        and len(summary.cause.lines) > _CAUSE_LINES_LEAST
        and _is_long(summary, characters_max)
    ):
        middle = len(summary.cause.lines) // 2
        summary.cause.lines[middle : middle + 2] = ["…"]
    for _, name in keep:
        _shorten(getattr(summary, name), 0, summary, characters_max)
    if summary.comparison is not None and _is_long(summary, characters_max):
        summary.comparison = None
    while summary.labels and _is_long(summary, characters_max):
        summary.labels.popitem()
    if _is_long(summary, characters_max):
        _cut_texts(summary, 80)
    if _is_long(summary, characters_max):
        summary.cause = None
        _cut_texts(summary, 40)
    return msgspec.json.encode(summary)


_CAUSE_LINES_LEAST: Final = 3


def _is_long(summary: TaskSummary, characters_max: int) -> bool:
    return len(msgspec.json.encode(summary).decode()) > characters_max


def _shorten(found: list[Any], count: int, summary: TaskSummary, characters_max: int) -> None:
    while len(found) > count and _is_long(summary, characters_max):
        found.pop()


def _cut_texts(summary: TaskSummary, characters: int) -> None:
    if summary.cause is not None:
        summary.cause.lines = [line[:characters] for line in summary.cause.lines[:_CAUSE_LINES_LEAST]]
    if summary.first_error is not None:
        summary.first_error.message = summary.first_error.message[:characters]
    if summary.cause is not None:
        summary.cause.headline = summary.cause.headline[:characters]
    summary.command = summary.command and summary.command[:characters]
    summary.directory = summary.directory and summary.directory[:characters]
    summary.reason = summary.reason[:characters]


def markdown(summary: TaskSummary, characters_max: int) -> str:
    """The summary for a person or an agent, at most so many characters."""
    text = _markdown(summary)
    while len(text) > characters_max:
        compared = summary.comparison
        if compared is not None and compared.disappeared:
            compared.disappeared.clear()
        elif compared is not None and len(compared.appeared) > 3:
            del compared.appeared[3:]
        elif len(summary.annotations) > 3:
            del summary.annotations[max(3, len(summary.annotations) // 2) :]
        elif len(summary.failed_tests) > 5:
            del summary.failed_tests[max(5, len(summary.failed_tests) // 2) :]
        elif summary.cause is not None and len(summary.cause.lines) > _CAUSE_LINES_LEAST:
            middle = len(summary.cause.lines) // 2
            summary.cause.lines[middle : middle + 2] = ["…"]
        else:
            return text[: characters_max - 1] + "…"
        text = _markdown(summary)
    return text


def _markdown(summary: TaskSummary) -> str:
    parts = [f"# {summary.task_id}: {summary.status}{f' ({summary.reason})' if summary.reason else ''}"]
    facts = []
    if summary.command:
        facts.append(f"`{summary.command}`" + (f" in `{summary.directory}`" if summary.directory else ""))
    if summary.duration_seconds is not None:
        facts.append(f"{summary.duration_seconds:,.1f} s")
    facts.append(f"{summary.lines:,} lines")
    parts.append(" · ".join(facts))
    if summary.labels:
        parts.append(" ".join(f"{name}={value}" for name, value in summary.labels.items()))
    cause, first = summary.cause, summary.first_error
    if cause is not None:
        where = f"{cause.first_sequence}" + (
            f"-{cause.last_sequence}" if cause.last_sequence > cause.first_sequence else ""
        )
        parts += [f"\n## Likely cause ({cause.rule}, {cause.worker_id}, line {where})", "```", *cause.lines, "```"]
    if first is not None and (cause is None or first.sequence != cause.first_sequence):
        parts.append(f"\nFirst error, line {first.sequence}: {first.message}")
    if summary.failed_tests:
        parts.append(f"\n## Failed tests ({summary.failed_test_count})")
        parts += [_item(place) for place in summary.failed_tests]
        parts += _left_out(summary.failed_test_count - len(summary.failed_tests))
    if summary.annotations:
        parts.append(f"\n## Places ({summary.annotation_count})")
        parts += [_item(place) for place in summary.annotations]
        parts += _left_out(summary.annotation_count - len(summary.annotations))
    if summary.comparison is not None:
        parts += _comparison_parts(summary.comparison)
    if cause is None and first is None:
        parts.append("\nNo errors were found." if summary.is_complete else "")
    return "\n".join(parts).rstrip() + "\n"


def comparison_markdown(compared: TaskComparison) -> str:
    """A comparison for a person or an agent."""
    parts = ["No earlier run of the same name has ended well."]
    if compared.comparison is not None:
        parts = _comparison_parts(compared.comparison)
    return "\n".join([f"# {compared.task_id}", *parts]) + "\n"


def _comparison_parts(compared: Comparison) -> list[str]:
    """A comparison as lines of Markdown."""
    ended = f", ended {compared.ended_at}" if compared.ended_at else ""
    parts = [f"\n## What is different from {compared.task_id}{ended}"]
    if compared.duration_seconds is not None:
        parts.append(f"It took {compared.duration_seconds:,.1f} s and has {compared.lines:,} lines.")
    parts += [f"- {change.name}: {change.before or '-'} → {change.now or '-'}" for change in compared.labels]
    for sign, kinds, count in (
        ("+", compared.appeared, compared.appeared_count),
        ("-", compared.disappeared, compared.disappeared_count),
    ):
        if kinds:
            parts += ["```diff", *(_kind(sign, kind) for kind in kinds), "```"]
        parts += _left_out(count - len(kinds))
    return parts


def _kind(sign: str, kind: MessageKind) -> str:
    times = f" (×{kind.count})" if kind.count > 1 else ""
    return f"{sign} {kind.sequence} {kind.level} {kind.message}{times}"


def _item(place: NamedPlace) -> str:
    where = f"{place.file}:{place.line}" if place.line else place.file
    return "- " + " · ".join(filter(None, (place.name, where, place.message)))


def _left_out(count: int) -> list[str]:
    return [f"- … {count:,} more"] if count > 0 else []
