"""Imports gRPC so that its C++ core does not write to the program's stderr whenever a connection is lost.

The core reads ``GRPC_VERBOSITY`` once, when it is loaded, and logs every GOAWAY by default; the producer reports that
itself. A program that sets the variable, or has loaded gRPC before, keeps what it chose.
"""

import os
from typing import Final

__all__: list[str] = []

_VARIABLE: Final = "GRPC_VERBOSITY"

if _VARIABLE in os.environ:
    import grpc
else:
    os.environ[_VARIABLE] = "ERROR"
    try:
        import grpc  # noqa: F401
    finally:
        del os.environ[_VARIABLE]
