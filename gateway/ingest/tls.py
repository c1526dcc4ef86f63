"""The port and the TLS identity of the gRPC server."""

import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from gateway.http.sockets import ListenError

__all__ = ["Tls"]


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
            ListenError: one of them cannot be read, holds no PEM, or does not fit the other.
        """
        tls = cls(_pem(certificate), _pem(private_key), None if client_ca is None else _pem(client_ca))
        try:  # gRPC itself says no more than that it cannot listen, or nothing at all once it does
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
        except (OSError, ssl.SSLError) as error:
            text = f"cannot use {certificate} and {private_key} for gRPC: {error.strerror or error}"
            raise ListenError(text) from error
        return tls

    def context(self) -> ssl.SSLContext:
        """What connections are made with: TLS 1.2 or newer, HTTP/2, client certificates if there is an authority.

        Raises:
            ListenError: one of the parts cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        self.load(context)
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(cadata=self.client_ca.decode("latin-1"))
            except ssl.SSLError as error:
                raise ListenError(f"cannot use the authority of client certificates for gRPC: {error}") from error
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Give a context this certificate and key; connections that are open keep theirs.

        Raises:
            ListenError: they cannot be used.
        """
        with tempfile.NamedTemporaryFile(suffix=".pem") as pem:  # OpenSSL reads files; this one is for its owner alone
            pem.write(self.private_key + b"\n" + self.certificate)
            pem.flush()
            try:
                context.load_cert_chain(pem.name)
            except ssl.SSLError as error:
                raise ListenError(f"cannot use the certificate and key for gRPC: {error}") from error

    def credentials(self, renewed: Callable[[], "Tls | None"]) -> grpc.ServerCredentials:
        """What gRPC needs; with ``client_ca`` a client without a certificate of it cannot connect.

        ``renewed`` is asked at every handshake for what to use from then on; None: as before.
        """

        def renewal() -> grpc.ServerCertificateConfiguration | None:
            tls = renewed()
            return None if tls is None else tls._configuration()

        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            renewal,  # type: ignore[arg-type] # None is an answer too
            require_client_authentication=self.client_ca is not None,
        )

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(self.private_key, self.certificate)], root_certificates=self.client_ca
        )


def _pem(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ListenError(f"cannot read {path} for TLS: {error.strerror}") from error
    if b"-----BEGIN " not in data:
        raise ListenError(f"{path} holds no PEM; give a certificate or key in PEM form")
    return data
