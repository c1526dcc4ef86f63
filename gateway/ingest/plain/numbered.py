"""Requests with a number: stored whole or not at all, and once however often they are sent."""

from typing import Final
from urllib.parse import quote

from starlette.requests import Request

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.http.encoded_bodies import read_encoded
from gateway.http.json_bodies import BodyBudget
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.plain.line_splitter import LineSplitter
from gateway.ingest.plain.lines import LineReader
from gateway.ingest.registry import ProducerRegistry
from storage.errors import StorageError
from storage.journal.interface import ProducerNumber, Receipt

__all__ = ["PRODUCER_ID", "PRODUCER_NUMBER", "producer_of", "store_numbered"]

PRODUCER_ID: Final = "Producer-Id"
PRODUCER_NUMBER: Final = "Producer-Number"
_ID_BYTES_MAX: Final = 128
_NUMBER_DIGITS_MAX: Final = 18
_RETRY_SECONDS: Final = 2


def producer_of(request: Request, principal: Principal) -> ProducerNumber | None:
    """Who sends a request, and which of theirs it is; None: it has no number.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    producer_id, number = request.headers.get(PRODUCER_ID), request.headers.get(PRODUCER_NUMBER)
    if producer_id is None and number is None:
        return None
    if producer_id is None or number is None:
        missing = PRODUCER_ID if producer_id is None else PRODUCER_NUMBER
        message = f"{PRODUCER_ID} and {PRODUCER_NUMBER} belong together; send both or neither"
        raise ApiError("INVALID_ARGUMENT", message, field=missing)
    if not 1 <= len(producer_id.encode()) <= _ID_BYTES_MAX:
        raise ApiError("INVALID_ARGUMENT", f"{PRODUCER_ID} must be 1 to {_ID_BYTES_MAX} bytes", field=PRODUCER_ID)
    if not number.isascii() or not number.isdigit() or len(number) > _NUMBER_DIGITS_MAX or int(number) < 1:
        message = f"{PRODUCER_NUMBER} must be a whole number from 1 on"
        raise ApiError("INVALID_ARGUMENT", message, field=PRODUCER_NUMBER)
    # Apart from those of the native wire, and so that no subject and id together read like another subject and id.
    return ProducerNumber(f"{quote(principal.subject, safe='')}/http/{producer_id}", int(number))


async def store_numbered(
    request: Request, registry: ProducerRegistry, producer: ProducerNumber, reader: LineReader, budget: BodyBudget
) -> Receipt:
    """Store a request, unless it is stored already.

    Raises:
        ApiError: INVALID_ARGUMENT: the number leaves some out. PAYLOAD_TOO_LARGE: one request has not so many bytes or
            lines. UNAVAILABLE: it is not stored; send it again.
    """
    journal, limits = registry.journal, registry.limits
    try:
        last = await journal.last_number(producer.producer_id)
    except StorageError as error:
        raise _come_back(error) from error
    if producer.number > last + 1:
        message = f"{PRODUCER_NUMBER} {producer.number} leaves out what is behind {last}: send {last + 1} next"
        raise ApiError("INVALID_ARGUMENT", message, field=PRODUCER_NUMBER)
    if not journal.is_writable:
        registry.counters.refused(Dialect.HTTP, Refusal.UNAVAILABLE)
        raise ApiError("UNAVAILABLE", "too many lines wait for storage", retry_after_seconds=_RETRY_SECONDS)
    body = await read_encoded(request, budget, limits.request_bytes_max)
    try:
        batch = reader.batch()
        batch.producer = producer
        splitter = LineSplitter(reader.line_bytes_max)
        if body.count(b"\n") > limits.batch_lines_max:
            text = f"one numbered request has at most {limits.batch_lines_max} lines"
            raise ApiError("PAYLOAD_TOO_LARGE", text)
        for lines in (splitter.feed(bytes(body)), splitter.rest()):
            for line in lines:
                reader.read(line, batch)
        registry.counters.received(Dialect.HTTP, len(batch.entries), len(body))
        registry.tasks.open(batch.task_id)
        try:
            receipt = await registry.masks.append(batch)
        except StorageError as error:
            raise _come_back(error) from error
        finally:
            registry.tasks.close(batch.task_id)
    finally:
        budget.give_back(len(body))
    if receipt.duplicate:
        registry.counters.duplicate()
    return receipt


def _come_back(error: StorageError) -> ApiError:
    return ApiError("UNAVAILABLE", f"{error}; send the request again", retry_after_seconds=_RETRY_SECONDS)
