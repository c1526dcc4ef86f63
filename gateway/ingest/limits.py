"""How much one producer may send, hold and leave behind."""

from dataclasses import dataclass
from typing import Final

__all__ = ["LINE_BYTES", "IngestLimits"]

LINE_BYTES: Final = 256
"""What a line counts for beside its message while it waits for a commit: the entry's own fields, roughly."""


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """The limits of ingest, each in the unit that its name ends in.

    Attributes:
        message_bytes_max: UTF-8 bytes of one line's message; a longer one is cut and marked.
        request_bytes_max: one gRPC message; a larger one ends its stream with RESOURCE_EXHAUSTED.
        otlp_bytes_max: one export request of OTLP, decompressed.
        batch_lines_max: lines of one native request; one with more is not stored. A blank line takes two bytes on the
            wire and several hundred in memory, so the size of the request alone bounds nothing.
        inflight_lines_max: lines of one stream that were read and not yet answered; reading pauses there.
        inflight_bytes_max: the same in bytes.
        inflight_requests_max: the same in requests, which bounds the problems that one response can carry.
        gathered_bytes_max: what all streams together may gather after the groups that they have appended; beyond it,
            those that have much unanswered pause.
        credit_lines_min: the credit that a native producer is given at least, however far storage lags.
        metadata_keys_max: keys of one line's metadata, and labels of one pod.
        metadata_bytes_max: UTF-8 bytes of one line's metadata, keys and values.
        pod_metadata_bytes_max: UTF-8 bytes of a pod's description; small, because every line of a batch repeats it.
        streams_max: producers' streams at once; the next is refused with RESOURCE_EXHAUSTED.
        stream_tasks_max: tasks that one stream may have open; the one opened first counts as closed beyond that.
        workers_max: workers whose registration and last status are remembered.
        hello_seconds_max: how long a native stream may stay silent before its Hello.
        settle_seconds_max: how long a stream that must end may take to answer what it took.
        wait_ms_max: what a producer is asked to wait at most, while storage lags.
        paused_bytes_max: what a stream may have unanswered while producers are paused; one that sends little continues.
        include_metadata: registered workers' pod metadata goes into the lines that they send.
    """

    message_bytes_max: int = 65_536
    request_bytes_max: int = 4 * 1024 * 1024
    otlp_bytes_max: int = 20 * 1024 * 1024
    batch_lines_max: int = 10_000
    inflight_lines_max: int = 20_000
    inflight_bytes_max: int = 8 * 1024 * 1024
    inflight_requests_max: int = 1_000
    gathered_bytes_max: int = 32 * 1024 * 1024
    credit_lines_min: int = 100
    metadata_keys_max: int = 64
    metadata_bytes_max: int = 16_384
    pod_metadata_bytes_max: int = 4_096
    streams_max: int = 1_000
    stream_tasks_max: int = 1_000
    workers_max: int = 10_000
    hello_seconds_max: float = 30.0
    settle_seconds_max: float = 5.0
    wait_ms_max: int = 1_000
    paused_bytes_max: int = 65_536
    include_metadata: bool = True
