"""Texts for one gateway's eyes: sealed for a key whose other half is in that gateway's memory alone.

X25519 with a key of its own for each text, HKDF and ChaCha20-Poly1305, as in RFC 9180 without its options.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["OwnKey", "seal"]

_KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)
"""Each key encrypts one text."""


class OwnKey:
    """A key that is forgotten with the process."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes, recipient: str) -> bytes:
        """What was sealed for this key and name.

        Raises:
            ValueError: it was not, or not as it is now.
        """
        sender, encrypted = sealed[:_KEY_BYTES], sealed[_KEY_BYTES:]
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(sender))
            return _cipher(shared, sender + self.public).decrypt(_NONCE, encrypted, recipient.encode())
        except InvalidTag as error:
            raise ValueError("it was not sealed for this key") from error


def seal(text: bytes, public_key: bytes, recipient: str) -> bytes:
    """A text that only the owner of ``public_key`` can open, under the name ``recipient``.

    Raises:
        ValueError: it is no key.
    """
    once = X25519PrivateKey.generate()
    sender = once.public_key().public_bytes_raw()
    shared = once.exchange(X25519PublicKey.from_public_bytes(public_key))
    return sender + _cipher(shared, sender + public_key).encrypt(_NONCE, text, recipient.encode())


def _cipher(shared: bytes, context: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), _KEY_BYTES, None, b"otto masks" + context).derive(shared))
