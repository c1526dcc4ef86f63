"""What settings must be together, beside what each must be alone."""

from typing import Any, Final
from urllib.parse import urlsplit

from gateway.settings.loopback import is_loopback

__all__ = ["check_together", "is_postgres"]

_SHARED_SCHEMES: Final = frozenset({"postgres", "postgresql"})


def is_postgres(url: str) -> bool:
    """Whether a URL names a PostgreSQL database."""
    return url.partition("://")[0].partition("+")[0] in _SHARED_SCHEMES


def check_together(settings: Any) -> None:
    """Return if settings, which are valid each by itself, fit together.

    Raises:
        ValueError: two contradict each other, or one needs another; the text names them.
    """
    if settings.jwt_public_key is not None and settings.jwt_public_key_file is not None:
        raise ValueError("JWT_PUBLIC_KEY and JWT_PUBLIC_KEY_FILE are both set; keep one of them")
    for certificate, key in (
        ("http_tls_certificate_file", "http_tls_key_file"),
        ("grpc_tls_certificate_file", "grpc_tls_key_file"),
    ):
        if (getattr(settings, certificate) is None) != (getattr(settings, key) is None):
            raise ValueError(f"{certificate.upper()} and {key.upper()} belong together; set both or neither")
    for kind in ("http", "grpc"):
        if getattr(settings, f"{kind}_tls_client_ca_file") and not getattr(settings, f"{kind}_tls_certificate_file"):
            name = f"{kind.upper()}_TLS"
            raise ValueError(f"{name}_CLIENT_CA_FILE needs {name}_CERTIFICATE_FILE and {name}_KEY_FILE")
    if (settings.naver_client_id is None) != (settings.naver_client_secret is None):
        raise ValueError("NAVER_CLIENT_ID and NAVER_CLIENT_SECRET belong together; set both or neither")
    if settings.redis_url is not None:
        if not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("REDIS_URL must begin with redis://, rediss:// or unix://")
        if not settings.has_shared_journal:
            raise ValueError("REDIS_URL is for several gateways; it needs DATABASE_URL=postgresql://…")
    if settings.journal_lanes is not None and not settings.has_shared_journal:
        raise ValueError("JOURNAL_LANES is for several gateways; it needs DATABASE_URL=postgresql://…")
    if settings.has_shared_journal and not is_postgres(settings.polling_database):
        for name in ("retention_days", "retention_bytes", "retention_tasks", "retention_rules"):
            if getattr(settings, name):
                raise ValueError(
                    f"{name.upper()} needs POLLING_DATABASE_URL on PostgreSQL, as the journal: "
                    "which lines the files of other gateways have is not known"
                )
    api = urlsplit(settings.naver_api_url)
    if api.scheme != "https" and not is_loopback(api.hostname or ""):
        raise ValueError("NAVER_API_URL must begin with https://: the secret is sent there")
    if settings.grpc_port and settings.grpc_port in {settings.http_port, settings.websocket_port}:
        raise ValueError("GRPC_PORT must not be HTTP_PORT or WEBSOCKET_PORT")
