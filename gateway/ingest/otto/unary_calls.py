"""The two single calls of Otto's wire: a worker registers, a scaler reports a worker's status."""

import asyncio
import uuid
from typing import Final, TypeVar

from ottoscaler.v1 import log_streaming_pb2
from ottoscaler.v1.log_streaming_pb2 import RegistrationResponse, WorkerStatusAck

from filters import timestamps
from filters.identifiers import IdentifierError, check_identifier
from filters.labels import label_metadata
from filters.messages import cut_message
from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.ingest.authentication import AuthorizationCache
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.decoding import DecodeError, Decoder
from gateway.ingest.metadata import metadata_within, pod_metadata
from gateway.ingest.otto.workers import Workers
from gateway.ingest.registry import ProducerRegistry
from storage.errors import StorageError
from storage.journal.interface import Append, Receipt, WorkerRegistered, WorkerReport

__all__ = ["notify_worker_status", "register_worker"]

_REASON_BYTES_MAX: Final = 4_096
_registrations: Final = Decoder(log_streaming_pb2.WorkerRegistration)
_notifications: Final = Decoder(log_streaming_pb2.WorkerStatusNotification)
_STATUSES: Final = {int(number): name for name, number in log_streaming_pb2.WorkerStatusNotification.Status.items()}

M = TypeVar("M", log_streaming_pb2.WorkerRegistration, log_streaming_pb2.WorkerStatusNotification)


async def register_worker(data: bytes, principal: Principal, registry: ProducerRegistry, workers: Workers) -> bytes:
    """Remember a worker's metadata and return the limits.

    Raises:
        ApiError: not a message, not permitted, or nothing can be stored now.
    """
    request = _decode(_registrations, data)
    try:
        task_id = check_identifier("task_id", request.task_id)
        worker_id = check_identifier("worker_id", request.worker_id)
    except IdentifierError as error:
        registry.counters.refused(Dialect.OTTO, Refusal.FIELD)
        invalid = RegistrationResponse(status=RegistrationResponse.INVALID_REQUEST, message=str(error))
        return invalid.SerializeToString()
    AuthorizationCache(principal).check_task(task_id)
    pod, _ = pod_metadata(request.metadata, registry.limits)
    receipt = await _stored(registry, WorkerRegistered(task_id, worker_id, pod or {}))
    workers.register(task_id, worker_id, pod or {})
    created = receipt.created
    limits = registry.limits
    return RegistrationResponse(
        status=RegistrationResponse.SUCCESS if created else RegistrationResponse.ALREADY_REGISTERED,
        message="registered" if created else "the worker was registered before; that is harmless",
        session_id=str(uuid.uuid4()),
        config=log_streaming_pb2.LoggingConfig(
            rate_limit=0,
            buffer_size=limits.inflight_lines_max,
            max_message_size=limits.message_bytes_max,
            include_metadata=limits.include_metadata,
        ),
    ).SerializeToString()


async def notify_worker_status(
    data: bytes, principal: Principal, registry: ProducerRegistry, workers: Workers
) -> bytes:
    """Store a worker's status.

    A repeat is stored as well, because lines may have opened the task again in between; it is answered IGNORED.

    Raises:
        ApiError: not a message, not permitted, or nothing can be stored now.
    """
    request = _decode(_notifications, data)
    try:
        task_id = check_identifier("task_id", request.task_id)
        worker_id = check_identifier("worker_id", request.worker_id)
        status = _status(request.status)
    except ValueError as error:
        registry.counters.refused(Dialect.OTTO, Refusal.FIELD)
        return WorkerStatusAck(status=WorkerStatusAck.ERROR, message=str(error)).SerializeToString()
    AuthorizationCache(principal).check_task(task_id)
    metadata = metadata_within(request.metadata, registry.limits)[0] if request.metadata else {}
    if metadata:  # takes the place of what was stored when the worker registered
        metadata = label_metadata(workers.pod_metadata(task_id, worker_id)) | metadata
    timestamp = timestamps.now()
    if request.timestamp:
        try:
            timestamp = timestamps.from_rfc3339(request.timestamp)
        except ValueError:
            metadata.setdefault("timestamp", request.timestamp[:256])
    reason = cut_message(request.reason, _REASON_BYTES_MAX)[0]
    await _stored(registry, WorkerReport(task_id, worker_id, status, timestamp, reason, metadata or None))
    if workers.report(task_id, worker_id, status):
        return WorkerStatusAck(status=WorkerStatusAck.RECEIVED, message="stored").SerializeToString()
    message = f"the worker has reported {status} before"
    return WorkerStatusAck(status=WorkerStatusAck.IGNORED, message=message).SerializeToString()


def _status(number: int) -> str:
    if number not in _STATUSES:
        raise ValueError(f"`status` {number} is unknown: give CREATED, RUNNING, COMPLETED, FAILED or TERMINATED")
    return _STATUSES[number]


async def _stored(registry: ProducerRegistry, item: Append) -> Receipt:
    """Wait for a commit. The append is not cancelled if the caller disconnects."""
    try:
        receipt = registry.masks.append(item)
        await asyncio.wait([receipt])
        return receipt.result()
    except StorageError as error:
        registry.counters.refused(Dialect.OTTO, Refusal.UNAVAILABLE)
        raise ApiError("UNAVAILABLE", f"{error}; try again") from error


def _decode(decoder: Decoder[M], data: bytes) -> M:
    try:
        return decoder.decode(data)
    except DecodeError as error:
        raise ApiError("INVALID_ARGUMENT", f"this is not a {decoder.name}: {error}") from error
