"""Labels of tasks: what workers reported, and what is known of their pods; and searches that choose tasks by them."""

from collections.abc import Mapping
from typing import Any, Final

from filters.entry import LogEntry, decode_lines
from filters.expressions.labels import filter_of_task
from filters.matching import Matcher
from filters.model import LogFilter
from gateway.history.reads import Reads
from storage.journal.history import KnownTask

__all__ = ["LabelledMatchers", "pod_labels", "reported_labels"]

_PREFIX: Final = "label."
_WORKERS_MAX: Final = 200
_MATCHERS_MAX: Final = 64
_STEP_BYTES: Final = 1 << 20
_EVERYTHING: Final = Matcher()


def reported_labels(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The labels in what a worker said of itself."""
    return {key.removeprefix(_PREFIX): str(value) for key, value in metadata.items() if key.startswith(_PREFIX)}


def pod_labels(entry: LogEntry | None) -> dict[str, str]:
    """The labels of the pod that a line came from, and where it ran."""
    pod = (entry.pod_metadata if entry is not None else None) or {}
    named = {key: pod[key] for key in ("namespace", "podName", "nodeName") if key in pod}
    return {str(key): str(value) for key, value in {**(pod.get("labels") or {}), **named}.items()}


class LabelledMatchers:
    """What is looked for in each task, where a filter chooses tasks by labels.

    A task has the labels of all its workers; where none has reported any, those of the pod that its first line is from.
    """

    def __init__(self, reads: Reads, log_filter: LogFilter) -> None:
        self._reads = reads
        self._filter = log_filter
        self._matchers: dict[LogFilter, Matcher] = {}

    def __repr__(self) -> str:
        return f"<LabelledMatchers {self._filter!r}>"

    async def of(self, task: KnownTask) -> Matcher | None:
        """The matcher for a task's lines; None: none of them passes."""
        wanted = filter_of_task(self._filter, await self._labels(task))
        if wanted is None:
            return None
        matcher = self._matchers.get(wanted)
        if matcher is None:
            if len(self._matchers) >= _MATCHERS_MAX:
                self._matchers.clear()
            matcher = self._matchers[wanted] = Matcher(wanted)
        return matcher

    async def _labels(self, task: KnownTask) -> frozenset[str]:
        records = await self._reads.worker_records(task.task_id, count_max=_WORKERS_MAX)
        found = [pair for record in records for pair in reported_labels(record.metadata or {}).items()]
        if not found:
            first = await self._reads.read(
                task.task_id, task.first - 1, task.first, _EVERYTHING, lines_max=1, bytes_max=_STEP_BYTES
            )
            found = list(pod_labels(decode_lines(first.lines)[0] if first.lines else None).items())
        return frozenset(text for name, value in found for text in (name, f"{name}={value}"))
