"""Builds the configuration of each part of the core from ``Settings``."""

from typing import Final

from gateway.addresses import TrustedAddresses
from gateway.auth import AuthSettings, AuthSettingsError, TokenAuthenticator
from gateway.history.limits import HistoryLimits
from gateway.http.request_limits import RequestLimits
from gateway.http.server import HttpTls
from gateway.ingest.limits import IngestLimits
from gateway.ingest.otlp.mapping import OtlpMapping
from gateway.ingest.tls import Tls
from gateway.quota import Quota
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError
from sessions.limits import Limits
from sessions.pipelines import PipelineLimits
from sessions.updates import UpdateLimits
from storage.retention.policy import RetentionPolicy

__all__ = [
    "authenticator_of",
    "grpc_tls",
    "history_limits",
    "http_tls",
    "ingest_limits",
    "otlp_mapping",
    "pipeline_limits",
    "quota_of",
    "request_limits",
    "retention_policy",
    "session_limits",
    "update_limits",
]

_NAMES: Final = {"issuer": "JWT_ISSUER", "audience": "JWT_AUDIENCE"}


def authenticator_of(settings: Settings) -> TokenAuthenticator:
    """Build the authenticator. It reads the file of the public key, and makes no request.

    Raises:
        SettingsError: a credential is unusable.
    """
    key_file = settings.jwt_public_key_file
    try:
        return TokenAuthenticator(
            AuthSettings(
                jwt_secret=settings.jwt_secret.get_secret_value() if settings.jwt_secret else None,
                jwt_public_key=str(key_file) if key_file else settings.jwt_public_key,
                jwks_url=settings.jwks_url,
                issuer=settings.jwt_issuer,
                audience=settings.jwt_audience,
                cookie_samesite=settings.cookie_samesite,
                cookie_secure=True if settings.cookie_samesite == "none" else None,
                ticket_ttl_seconds=settings.ticket_ttl_seconds,
                query_tokens=settings.query_tokens,
            )
        )
    except AuthSettingsError as error:
        name = _NAMES.get(error.field, error.field.upper())
        if error.field == "jwt_public_key" and key_file:
            name = "JWT_PUBLIC_KEY_FILE"
        raise SettingsError([str(error).replace(error.field, name, 1)]) from error


def session_limits(settings: Settings) -> Limits:
    """What sessions may use."""
    return Limits(
        sessions_max=settings.max_connections,
        buffer_lines=settings.buffer_size,
        lagging_lines=settings.backpressure_threshold,
        heartbeat_seconds=settings.heartbeat_interval_seconds,
        timeout_seconds=settings.session_timeout_minutes * 60,
        window_bytes_per_task=settings.window_bytes_per_task,
        window_bytes_total=settings.window_bytes_total,
        run_bytes_total=settings.run_bytes_total,
    )


def pipeline_limits(settings: Settings) -> PipelineLimits:
    """What pipelines may use."""
    return PipelineLimits(
        heartbeat_seconds=settings.heartbeat_interval_seconds, timeout_seconds=settings.session_timeout_minutes * 60
    )


def update_limits(settings: Settings) -> UpdateLimits:
    """What updates of execution records may use."""
    return UpdateLimits(
        heartbeat_seconds=settings.heartbeat_interval_seconds, timeout_seconds=settings.session_timeout_minutes * 60
    )


def history_limits(settings: Settings) -> HistoryLimits:
    """What requests for the past may use."""
    return HistoryLimits(
        lines_max=settings.history_lines_max,
        bytes_max=settings.history_bytes_max,
        seconds_max=settings.history_seconds_max,
        hits_max=settings.history_hits_max,
        scans_max=settings.history_scans_max,
    )


def ingest_limits(settings: Settings) -> IngestLimits:
    """What producers may send."""
    return IngestLimits(
        message_bytes_max=settings.message_bytes_max,
        request_bytes_max=settings.request_bytes_max,
        otlp_bytes_max=settings.otlp_bytes_max,
        streams_max=settings.max_producers,
        gathered_bytes_max=settings.pending_bytes_max,
    )


def otlp_mapping(settings: Settings) -> OtlpMapping:
    """Which attributes of OTLP name task, worker and source."""
    return OtlpMapping(
        task=settings.otlp_task_attributes,
        worker=settings.otlp_worker_attributes,
        source=settings.otlp_source_attributes,
    )


def quota_of(settings: Settings) -> Quota:
    """A new quota of one kind of connection; without authentication there are no principals to distinguish."""
    return Quota(
        per_principal=settings.max_connections_per_principal if settings.has_credentials else 0,
        per_address=settings.max_connections_per_address,
        proxies=TrustedAddresses(settings.trusted_proxies),
    )


def request_limits(settings: Settings, connections: Quota) -> RequestLimits:
    """Limits of an HTTP request that apply before a route handles it."""
    seconds = settings.request_seconds_max
    return RequestLimits(head_seconds=seconds, body_seconds=seconds, connections=connections)


def retention_policy(settings: Settings) -> RetentionPolicy:
    """What is kept; 0 is no limit, as unset is."""
    return RetentionPolicy(
        age_seconds=settings.retention_days * 86400 if settings.retention_days else None,
        bytes_max=settings.retention_bytes or None,
        tasks_max=settings.retention_tasks or None,
        rules=settings.retention_rules,
    )


def grpc_tls(settings: Settings) -> Tls | None:
    """The identity of the gRPC server; None: plain text.

    Raises:
        ListenError: a file cannot be read.
    """
    if settings.grpc_tls_certificate_file is None or settings.grpc_tls_key_file is None:
        return None
    return Tls.from_files(
        settings.grpc_tls_certificate_file, settings.grpc_tls_key_file, settings.grpc_tls_client_ca_file
    )


def http_tls(settings: Settings) -> HttpTls | None:
    """The identity of the HTTP server; None: plain HTTP."""
    if settings.http_tls_certificate_file is None or settings.http_tls_key_file is None:
        return None
    return HttpTls(settings.http_tls_certificate_file, settings.http_tls_key_file, settings.http_tls_client_ca_file)
