"""Entries and filters as hypothesis draws them, from few enough values that they often meet."""

from typing import Any

from hypothesis import strategies as st

from filters.entry import LEVELS, SOURCES, LogEntry
from filters.timestamps import from_nanos

LETTERS = "abAB ßẞsS한글İıIiéE\u0301\u03a3\u03c3\u03c2\ufb01fF.*[\\\n\x00"
"""Letters whose case folding is longer, shorter, or depends on the language; expressions' characters; controls."""

WORKERS = ("worker-1", "worker-2", "작업자", " worker, with comma")
TRACES = ("0af7", "b7ad6b71")
TASKS = ("build", "deploy", "*")
NANOS = st.integers(0, 5).map(lambda n: 1_700_000_000_000_000_000 + n * 400_000_000)

messages = st.text(st.sampled_from(LETTERS), max_size=12)
keywords = st.text(st.sampled_from(LETTERS), min_size=1, max_size=4).filter(lambda text: not text.isspace())
times = NANOS.map(from_nanos)


def entries(task_id: str | None = None) -> st.SearchStrategy[LogEntry]:
    return st.builds(
        LogEntry,
        task_id=st.just(task_id) if task_id is not None else st.sampled_from(TASKS),
        worker_id=st.sampled_from(WORKERS),
        sequence=st.integers(1, 1_000_000),
        timestamp=times,
        level=st.sampled_from(LEVELS),
        source=st.sampled_from(SOURCES),
        message=messages,
        metadata=st.sampled_from([None, {"number": "0af7"}, *({"trace_id": trace_id} for trace_id in TRACES)]),
    )


@st.composite
def filter_objects(draw: st.DrawFn) -> dict[str, Any]:
    """A filter as a client writes it in JSON: any order, repeats, synonyms, any case."""
    start, end = sorted((draw(times), draw(times)))
    fields: dict[str, st.SearchStrategy[Any]] = {
        "levels": st.lists(st.sampled_from([*LEVELS, "warning", "Critical", "notice", "error", ""]), max_size=8),
        "sources": st.lists(st.sampled_from([*SOURCES, "STDERR"]), max_size=4),
        "keywords": st.lists(keywords, max_size=8),
        "workerIds": st.lists(st.sampled_from(WORKERS), max_size=3),
        "taskIds": st.lists(st.sampled_from(TASKS), max_size=3),
        "startTime": st.just(start),
        "endTime": st.just(end),
    }
    return draw(st.fixed_dictionaries({}, optional=fields))
