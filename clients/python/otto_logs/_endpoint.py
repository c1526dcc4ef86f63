"""Where the gateway is, and how to speak to it: address, TLS, token, channel options."""

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import grpc

__all__ = ["DEFAULT_GATEWAY", "Endpoint", "Tls", "Token"]

DEFAULT_GATEWAY: Final = "127.0.0.1:9090"
_PORT: Final = 9090

Token = str | Callable[[], str | None] | None
"""A token, or what gives one for each connection; None: the environment variable ``OTTO_TOKEN``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS to the gateway. All files are PEM.

    Attributes:
        ca_file: whom to trust; None: the authorities that gRPC knows.
        certificate_file: this client's certificate, with ``key_file``, where the gateway asks for one.
        key_file: the private key of the certificate.
        server_name: the name to expect in the gateway's certificate, where it is not the one it is reached by.
    """

    ca_file: str | os.PathLike[str] | None = None
    certificate_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together; give both or neither")

    def credentials(self) -> grpc.ChannelCredentials:
        """The channel's credentials.

        Raises:
            OSError: a file cannot be read.
        """
        return grpc.ssl_channel_credentials(
            _content(self.ca_file), _content(self.key_file), _content(self.certificate_file)
        )


class Endpoint:
    """One gateway, as one producer reaches it."""

    def __init__(self, gateway: str | None, token: Token, tls: Tls | bool | None, keepalive_seconds: float) -> None:
        gateway = gateway or os.environ.get("OTTO_GATEWAY") or DEFAULT_GATEWAY
        self.target, secure, self.host = _target(gateway)
        if tls is True or (secure and not tls):
            tls = Tls()
        self._tls = tls or None
        self._token = token
        self._credentials = self._tls.credentials() if self._tls is not None else None
        self._keepalive_seconds = keepalive_seconds

    def __repr__(self) -> str:
        return f"<Endpoint {self.target} {'tls' if self._tls else 'plain'}>"

    @property
    def is_exposed(self) -> bool:
        """Whether a token would cross a network in plain text."""
        return self._tls is None and not _is_loopback(self.host)

    @property
    def renews_token(self) -> bool:
        """Whether asking again may give another token."""
        return callable(self._token)

    def token(self) -> str | None:
        """The token to show next."""
        if callable(self._token):
            return self._token() or None
        return self._token or os.environ.get("OTTO_TOKEN") or None

    def channel(self) -> grpc.Channel:
        """A new channel, with nothing shared with any other: backing off is ours."""
        options: list[tuple[str, int | str]] = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.keepalive_time_ms", round(self._keepalive_seconds * 1000)),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        if self._tls is None or self._credentials is None:
            return grpc.insecure_channel(self.target, options)
        if self._tls.server_name:
            options.append(("grpc.ssl_target_name_override", self._tls.server_name))
        return grpc.secure_channel(self.target, self._credentials, options)


def _target(gateway: str) -> tuple[str, bool, str]:
    """``host:port``, whether the scheme asks for TLS, and the host."""
    secure = False
    rest = gateway.strip()
    if "://" in rest:
        scheme, _, rest = rest.partition("://")
        if scheme not in {"http", "https", "grpc", "grpcs"}:
            raise ValueError(f"gateway: {gateway!r} must look like host:port or grpcs://host:port")
        secure = scheme in {"https", "grpcs"}
    try:
        parts = urlsplit("//" + rest)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"gateway: {gateway!r} must look like host:port: {error}") from None
    if not host or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"gateway: {gateway!r} must look like host:port")
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{port or _PORT}", secure, host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _content(file: str | os.PathLike[str] | None) -> bytes | None:
    return None if file is None else Path(file).read_bytes()
