"""How much one peer may open, send and leave unread."""

from dataclasses import dataclass

__all__ = ["ServerLimits"]


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of the server, each in the unit that its name ends in.

    Attributes:
        connections_max: connections at once; the next is closed at once.
        streams_max: calls of one connection at once (SETTINGS_MAX_CONCURRENT_STREAMS). A call counts until its handler
            has ended, so that one that is reset does not make room while its work continues.
        public_calls_max: calls of methods that need no credentials, on all connections together.
        public_calls_per_connection_max: the same on one connection.
        header_bytes_max: a request's headers, decompressed (SETTINGS_MAX_HEADER_LIST_SIZE), with room for the longest
            token. A call with more is refused; twice as much ends the connection, before it is decompressed.
        frame_bytes_max: the payload of one frame (SETTINGS_MAX_FRAME_SIZE).
        connection_window_bytes: of a connection with an admitted call; that of a stranger is 64 KiB.
        window_bytes: of one stream, at first and without the pool.
        window_bytes_max: what a stream's window may grow to.
        window_pool_bytes: what all windows together may grow by.
        unsent_bytes_max: answers of one stream that its peer does not take; beyond it, nothing more is received.
        preface_seconds_max: from the connection to its first SETTINGS.
        handshake_seconds_max: of TLS.
        header_seconds_max: from a request's first header frame to its last.
        frame_seconds_max: from a frame's first byte to its last.
        open_seconds_max: for a method to admit a call.
        message_seconds_max: from a message's first byte to its last.
        unread_seconds_max: how long a peer may take none of its answers.
        idle_seconds_max: how long a connection may have no call.
        strange_seconds_max: the same for a connection that never had an admitted call.
        keepalive_seconds: silence after which a peer is asked whether it is there; 0: never.
        keepalive_timeout_seconds: how long it has to answer.
        slice_seconds: how long one connection may keep the event loop at a time.
        slice_messages_max: messages that a handler is given at a time.
        resets_max: streams that may be reset in a burst, by either side; refilled at ``resets_per_second``.
        empty_frames_max: frames that carry nothing in a burst; refilled at ``empty_frames_per_second`` and by DATA.
    """

    connections_max: int = 2_000
    streams_max: int = 1_100
    public_calls_max: int = 200
    public_calls_per_connection_max: int = 100
    header_bytes_max: int = 32 << 10
    frame_bytes_max: int = 16 << 10
    connection_window_bytes: int = 1 << 20
    window_bytes: int = 65_535
    window_bytes_max: int = 4 << 20
    window_pool_bytes: int = 64 << 20
    unsent_bytes_max: int = 64 << 10
    preface_seconds_max: float = 10.0
    handshake_seconds_max: float = 20.0
    header_seconds_max: float = 10.0
    frame_seconds_max: float = 30.0
    open_seconds_max: float = 10.0
    message_seconds_max: float = 60.0
    unread_seconds_max: float = 60.0
    idle_seconds_max: float = 900.0
    strange_seconds_max: float = 120.0
    keepalive_seconds: float = 60.0
    keepalive_timeout_seconds: float = 20.0
    slice_seconds: float = 0.005
    slice_messages_max: int = 256
    resets_max: int = 1_000
    resets_per_second: float = 33.0
    empty_frames_max: int = 1_000
    empty_frames_per_second: float = 100.0
