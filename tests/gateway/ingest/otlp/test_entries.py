"""Records as entries."""

from typing import Any

import pytest

from filters.entry import LogEntry
from gateway.ingest.authentication import AuthorizationCache
from gateway.ingest.limits import IngestLimits
from gateway.ingest.otlp.entries import OtlpEntries
from gateway.ingest.otlp.mapping import OtlpMapping
from gateway.ingest.otlp.records import Group, Record, Resource
from tests.support.tokens import WordPrincipal

TASK = {"otto.task_id": "build"}


def read(*records: Record, resource: dict[str, Any] | None = None, mapping: OtlpMapping | None = None) -> OtlpEntries:
    entries = OtlpEntries(AuthorizationCache(WordPrincipal()), mapping or OtlpMapping(), IngestLimits())  # type: ignore[arg-type]
    entries.take(Group(Resource(TASK if resource is None else resource, "app"), list(records), 1))
    return entries


def entry(record: Record, **of: Any) -> LogEntry:
    (batch,) = read(record, **of).taken()
    (only,) = batch.entries
    assert (batch.task_id, batch.worker_id) == (only.task_id, only.worker_id)
    return only


@pytest.mark.parametrize(
    ("resource", "own", "task"),
    [
        ({"service.name": "shop"}, {}, "shop"),
        ({"service.name": "shop", "cicd.pipeline.run.id": 77}, {}, "77"),
        ({"service.name": "shop", "k8s.job.name": "nightly"}, {}, "nightly"),
        ({"service.name": "shop", "otto.task_id": "build"}, {}, "build"),
        ({"service.name": "shop"}, {"otto.task_id": "mine"}, "mine"),
        ({"service.name": "shop", "otto.task_id": ""}, {}, "shop"),
    ],
)
def test_the_task_is_the_first_attribute_that_names_one(resource: Any, own: Any, task: str) -> None:
    """In the order of the mapping; a record's own attribute counts before that of its resource."""
    assert entry(Record(body="x", attributes=own), resource=resource).task_id == task


def test_other_attributes_may_name_task_worker_and_source() -> None:
    """The mapping is a setting."""
    mapping = OtlpMapping(task=("ci.job",), worker=("ci.step",), source=("ci.stream",))
    named = entry(
        Record(body="x", attributes={"ci.stream": "STDERR"}),
        resource={"ci.job": "7", "ci.step": "test"},
        mapping=mapping,
    )
    assert (named.task_id, named.worker_id, named.source) == ("7", "test", "stderr")
    assert named.metadata == {"otel.scope.name": "app"}


@pytest.mark.parametrize("names", [{}, {"otto.task_id": "a\nb"}, {"otto.task_id": "x" * 257}])
def test_a_record_without_a_usable_task_is_rejected(names: dict[str, str]) -> None:
    """It can never be stored; the others are."""
    entries = read(Record(body="bad", attributes=names), Record(body="good", attributes=TASK), resource={})
    assert (entries.rejected, entries.lines) == (1, 1)
    assert "task" in entries.problem


@pytest.mark.parametrize(
    ("number", "text", "level"),
    [
        *((1, "", "TRACE"), (4, "", "TRACE"), (5, "", "DEBUG"), (9, "", "INFO"), (13, "", "WARN"), (17, "", "ERROR")),
        *((21, "", "FATAL"), (24, "", "FATAL"), (0, "warning", "WARN"), (9, "ERROR", "INFO"), (0, "", "ERROR")),
        *((0, "peculiar", "ERROR"), (99, "", "ERROR")),
    ],
)
def test_the_level_is_the_severity_or_else_what_the_line_says(number: int, text: str, level: str) -> None:
    """The number counts before its name, and both before what is found in the line."""
    assert entry(Record(severity=number, severity_text=text, body="ERROR: out of paper")).level == level


@pytest.mark.parametrize(
    ("body", "message"),
    [
        *(("plain", "plain"), (None, "began"), (7, "7"), (True, "true"), (1.5, "1.5"), (b"\xff", "/w==")),
        ({"a": [1, None, {"b": "c"}]}, '{"a":[1,null,{"b":"c"}]}'),
    ],
)
def test_bodies_of_every_type_become_messages(body: Any, message: str) -> None:
    """Text stays as it is, values become JSON; a record without a body says the name of its event."""
    assert entry(Record(body=body, event_name="began")).message == message


def test_attributes_and_ids_are_metadata() -> None:
    """Those of the resource, too; pods have their place, and what named the task is not repeated."""
    resource = {"otto.task_id": "build", "k8s.pod.name": "p-1", "k8s.pod.label.app": "x", "region": "kr", "n": "shared"}
    record = Record(body="x", attributes={"n": 1, "map": {"a": True}}, trace_id="0af7", span_id="b7ad")
    one = entry(record, resource=resource)
    ids = {"trace_id": "0af7", "span_id": "b7ad"}
    assert one.metadata == {"region": "kr", "otel.scope.name": "app", "n": "1", "map": '{"a":true}', **ids}
    assert one.pod_metadata == {"podName": "p-1", "labels": {"app": "x"}}
    assert one.worker_id == "p-1"


def test_metadata_beyond_its_limit_goes_before_the_ids_do() -> None:
    """A record with a thousand attributes keeps some of them, and the ids of its trace."""
    entries = read(Record(body="x", attributes={f"k{n}": "v" * 100 for n in range(1_000)}, trace_id="0af7"))
    (batch,) = entries.taken()
    assert entries.trimmed == 1
    assert batch.entries[0].metadata is not None
    assert batch.entries[0].metadata["trace_id"] == "0af7"
    assert 1 < len(batch.entries[0].metadata) <= 65


@pytest.mark.parametrize(
    ("nanos", "time"), [(1, "1970-01-01T00:00:00.000000001Z"), (-1, "20"), (2**64 * 20, "20"), (0, "20")]
)
def test_a_time_that_is_none_becomes_that_of_arrival(nanos: int, time: str) -> None:
    """Zero is no time, and neither is one after the year 9999."""
    assert entry(Record(nanos, body="x")).timestamp.startswith(time)


def test_lines_of_a_trace_without_severity_are_one_event() -> None:
    """As on Otto's wire: the first line's level holds for the lines that continue it."""
    lines = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no"]
    (batch,) = read(*(Record(body=line) for line in lines)).taken()
    assert [each.level for each in batch.entries] == ["ERROR"] * 3
    assert [(each.metadata or {}).get("eventLine") for each in batch.entries] == [None, "2", "3"]
