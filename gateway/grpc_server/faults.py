"""What ends a whole connection: its peer broke a rule of HTTP/2."""

import re
from typing import Final

from h2.errors import ErrorCodes
from h2.exceptions import DenialOfServiceError, H2Error
from hpack.exceptions import HPACKError

from gateway.grpc_server.frames import FrameSizeError, PrefaceError

__all__ = ["FAULTS", "ConnectionFault", "fault_of"]

_QUOTED: Final = re.compile(r"b?['\"]")
_TEXT_CHARACTERS_MAX: Final = 120


class ConnectionFault(Exception):  # noqa: N818 - the peer's
    """The peer broke a rule; the connection ends with this error code of HTTP/2."""

    def __init__(self, code: ErrorCodes, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


FAULTS: Final = (ConnectionFault, FrameSizeError, PrefaceError, H2Error)
"""Everything that says so."""


def fault_of(error: Exception) -> ConnectionFault:
    """One of ``FAULTS`` as the connection answers it."""
    if isinstance(error, ConnectionFault):
        return error
    if isinstance(error, FrameSizeError):
        return ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, str(error))
    if isinstance(error, PrefaceError):
        return ConnectionFault(ErrorCodes.PROTOCOL_ERROR, str(error))
    # h2's words, without what they quote: a header may be a secret.
    words = re.split(_QUOTED, str(error), maxsplit=1)[0].strip()
    if isinstance(error.__cause__, HPACKError) and not isinstance(error, DenialOfServiceError):
        return ConnectionFault(ErrorCodes.COMPRESSION_ERROR, words[:_TEXT_CHARACTERS_MAX])
    code = ErrorCodes(getattr(error, "error_code", ErrorCodes.PROTOCOL_ERROR))
    return ConnectionFault(code, f"{type(error).__name__}: {words}"[:_TEXT_CHARACTERS_MAX])
