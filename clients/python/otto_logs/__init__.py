"""Producer, logging handler and commands for the Otto log gateway.

Everything public is here; modules whose names start with ``_`` may change at any time.
"""

import otto_logs._quiet_grpc  # noqa: F401  # isort: split  # before anything else imports gRPC
from otto_logs._endpoint import Tls
from otto_logs._entries import Entry, Gap, LogFilter, LogPage, SearchHit, Update
from otto_logs._errors import (
    AuthenticationError,
    ClosedError,
    ForkedError,
    GatewayError,
    IncompatibleError,
    InvalidRequestError,
    NotDeliveredError,
    NotFoundError,
    OttoLogsError,
    PermissionDeniedError,
    ReplacedError,
    RequestTooLargeError,
    SpoolFullError,
    UnavailableError,
)
from otto_logs._handler import OttoHandler
from otto_logs._limits import ProducerLimits
from otto_logs._log_client import LogClient, LogNotSentError
from otto_logs._log_reader import LogReader, LogReading, UpdateReading, read
from otto_logs._node_executor import NodeExecutor, node_context
from otto_logs._producer import LogProducer, Worker
from otto_logs._report_queue import ReportStatistics
from otto_logs._statistics import Problem, ProblemKind, ProducerState, ProducerStatistics
from otto_logs._summary import read_summary
from otto_logs._sync_producer import SyncLogProducer, SyncWorker
from otto_logs._values import Durability, Level, Source, SpoolPolicy, StageStatus, WorkerStatus

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "Durability",
    "Entry",
    "ForkedError",
    "Gap",
    "GatewayError",
    "IncompatibleError",
    "InvalidRequestError",
    "Level",
    "LogClient",
    "LogFilter",
    "LogNotSentError",
    "LogPage",
    "LogProducer",
    "LogReader",
    "LogReading",
    "NodeExecutor",
    "NotDeliveredError",
    "NotFoundError",
    "OttoHandler",
    "OttoLogsError",
    "PermissionDeniedError",
    "Problem",
    "ProblemKind",
    "ProducerLimits",
    "ProducerState",
    "ProducerStatistics",
    "ReplacedError",
    "ReportStatistics",
    "RequestTooLargeError",
    "SearchHit",
    "Source",
    "SpoolFullError",
    "SpoolPolicy",
    "StageStatus",
    "SyncLogProducer",
    "SyncWorker",
    "Tls",
    "UnavailableError",
    "Update",
    "UpdateReading",
    "Worker",
    "WorkerStatus",
    "node_context",
    "read",
    "read_summary",
]
