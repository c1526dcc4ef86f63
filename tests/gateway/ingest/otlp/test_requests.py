"""The two encodings of an export request."""

from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import MessageToDict

from gateway.ingest.decoding import DecodeError
from gateway.ingest.otlp.json_requests import groups_of_json
from gateway.ingest.otlp.protobuf_requests import groups_of_protobuf
from gateway.ingest.otlp.records import Record
from tests.support.otlp import export_request, log_record

VALUES = {"text": "a", "yes": True, "count": 7, "share": 0.5, "list": ["a", 1, None], "map": {"of": {"maps": "b"}}}
IDS = {"trace_id": bytes(range(16)), "span_id": bytes(range(8))}


def otlp_json(request: Any) -> bytes:
    """As OTLP has it: ids in hexadecimal, where protobuf's own mapping has Base64."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for record in document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        record.update({"traceId": IDS["trace_id"].hex(), "spanId": IDS["span_id"].hex()})
    return msgspec.json.encode(document)


async def test_both_encodings_are_read_alike() -> None:
    """A request has the same records in protobuf and in JSON, whatever its values are."""
    records = [
        log_record(VALUES, VALUES, time_unix_nano=1_767_225_600_123_456_789, severity_number=17, **IDS),
        log_record(b"\x00\xff", {}, observed_time_unix_nano=5, severity_text="notice", event_name="started", **IDS),
    ]
    request = export_request(records, {"service.name": "shop", "process.pid": 1}, scope="app")
    of_protobuf = list(groups_of_protobuf(request.SerializeToString()))
    of_json = list(await groups_of_json(otlp_json(request)))
    assert [group.records for group in of_protobuf] == [group.records for group in of_json]
    assert [group.resource for group in of_protobuf] == [group.resource for group in of_json]
    assert of_protobuf[0].records[0].body == VALUES
    assert of_protobuf[0].records[1] == Record(
        5, 0, "notice", b"\x00\xff", {}, IDS["trace_id"].hex(), IDS["span_id"].hex(), "started"
    )


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
async def test_a_large_request_is_read_in_slices(encoding: str) -> None:
    """No slice has more than a turn of the event loop can take, and together they have every record in order."""
    request = export_request([log_record(f"line {number}" + " " * 200) for number in range(2_000)])
    if encoding == "protobuf":
        groups = list(groups_of_protobuf(request.SerializeToString()))
    else:
        groups = list(await groups_of_json(msgspec.json.encode(MessageToDict(request))))
    assert max(group.size for group in groups) < 17 << 10
    bodies = [record.body.strip() for group in groups for record in group.records]
    assert bodies == [f"line {number}" for number in range(2_000)]


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
async def test_one_record_that_cannot_be_read_is_rejected_alone(encoding: str) -> None:
    """Nested too deeply, or with too many elements: it has a problem, and its neighbours do not."""
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    request = export_request([log_record("before"), log_record(deep), log_record("after")])
    if encoding == "protobuf":
        request.resource_logs[0].scope_logs[0].log_records.append(log_record([""] * 9_000))
        groups = list(groups_of_protobuf(request.SerializeToString()))
    else:
        groups = list(await groups_of_json(msgspec.json.encode(MessageToDict(request))))
    records = [record for group in groups for record in group.records]
    assert [record.body for record in records if not record.problem] == ["before", "after"]
    assert len(records) == (4 if encoding == "protobuf" else 3)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"resourceLogs":7}', b'{"resourceLogs":[' + b"[" * 5_000, b"[0" + b",0" * 1_000_001],
    ids=["empty", "list", "cut", "wrong type", "deep", "too many elements"],
)
async def test_what_is_no_request_in_json_is_refused(body: bytes) -> None:
    """It is an error of the sender, whatever it is."""
    with pytest.raises(DecodeError):
        list(await groups_of_json(body))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("traceId", "not hexadecimal"),
        ("timeUnixNano", "1" * 1_000),
        ("timeUnixNano", "soon"),
        ("body", {"bytesValue": "?"}),
        ("body", {"intValue": "0x10"}),
        ("severityNumber", "SEVERITY_NUMBER_INFO"),
    ],
)
async def test_a_field_that_json_has_wrong_rejects_its_record(field: str, value: Any) -> None:
    """The record is rejected with a reason; the request is read on."""
    records = [{field: value}, {"body": {"stringValue": "good"}, "unknownField": 1}]
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    (group,) = await groups_of_json(msgspec.json.encode(document))
    assert "record" in group.records[0].problem
    assert group.records[1] == Record(body="good")
