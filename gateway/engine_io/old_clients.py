"""What a client of Engine.IO 3 (socket.io-client 1 and 2) is answered, so that it shows why it cannot connect, once.

Such a client tries again for ever when a handshake fails, and shows nothing. It stops after an error in
its namespace and was then disconnected from it: so it gets a session in which exactly that happens. Nothing of it is
kept here. In Engine.IO 3 the packets of a long-polling answer have their length in characters in front.
"""

from typing import Final

import msgspec

__all__ = ["CLOSE_PAYLOAD", "ERROR_TEXT", "refusal_packets", "refusal_payload"]

ERROR_TEXT: Final = "This gateway speaks Socket.IO 3 and 4 (Engine.IO 4); connect with socket.io-client 4."
_OPENING: Final = '0{"sid":"outdated","upgrades":[],"pingInterval":25000,"pingTimeout":60000}'


def refusal_packets(namespace: str) -> list[str]:
    """The packets of a whole session, for a client in the namespace or in that without a name.

    The error comes before the disconnect, and that of the namespace first: since 2.2 clients show those of ``/`` in
    every namespace that they are still in.
    """
    message = msgspec.json.encode(ERROR_TEXT).decode()
    return [_OPENING, f"44{namespace},{message}", f"41{namespace}", f"44{message}", "41"]


def refusal_payload(namespace: str) -> bytes:
    """The same as the first answer of long polling."""
    return "".join([f"{len(text)}:{text}" for text in refusal_packets(namespace)]).encode()


CLOSE_PAYLOAD: Final = b"1:1"
"""For whatever such a client asks after that."""
