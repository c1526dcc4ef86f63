"""Where the gRPC server listens: its port, and its TLS identity."""

from dataclasses import dataclass, field
from pathlib import Path

import grpc

__all__ = ["ListenError", "Tls"]


class ListenError(Exception):
    """The server cannot listen there; the text is one sentence for the person who started it."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's certificate, and the authority whose client certificates it asks for (mutual TLS), in PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    client_ca: bytes | None = None

    @classmethod
    def from_files(cls, certificate: Path, private_key: Path, client_ca: Path | None = None) -> "Tls":
        """Read the files.

        Raises:
            ListenError: one of them cannot be read, or holds no PEM.
        """
        return cls(_pem(certificate), _pem(private_key), None if client_ca is None else _pem(client_ca))

    def credentials(self) -> grpc.ServerCredentials:
        """What gRPC needs; with ``client_ca`` a client without a certificate of it cannot connect."""
        return grpc.ssl_server_credentials(
            [(self.private_key, self.certificate)],
            root_certificates=self.client_ca,
            require_client_auth=self.client_ca is not None,
        )


def _pem(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ListenError(f"cannot read {path} for TLS: {error.strerror}") from error
    if b"-----BEGIN " not in data:
        raise ListenError(f"{path} holds no PEM; give a certificate or key in PEM form")
    return data
