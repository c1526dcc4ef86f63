"""h2, set up as this server needs it."""

import functools
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from gateway.grpc_server.frames import PREFACE
from gateway.grpc_server.limits import ServerLimits

__all__ = ["CONNECTION_WINDOW", "make_h2"]

CONNECTION_WINDOW: Final = 65_535
"""Of a connection at first, by the specification."""


class _H2(H2Connection):
    MAX_CLOSED_STREAMS = 1_024  # 65,536 of them would be some MB for each connection


def make_h2(limits: ServerLimits) -> H2Connection:
    """A server's state machine that has sent its settings and knows the client's preface."""
    # Headers are checked by ``requests``: one that h2 finds wrong ends the connection, with all its other calls. Those
    # that are sent are written here and in ``status``, in lower case and without anything that a peer has given.
    config = H2Configuration(
        client_side=False,
        header_encoding=None,
        validate_inbound_headers=False,
        normalize_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
    )
    h2 = _H2(config)
    announced, enforced = _settings(limits)
    h2.local_settings = announced
    h2.max_inbound_frame_size = limits.frame_bytes_max
    h2.initiate_connection()
    h2.local_settings = enforced
    h2.decoder.max_header_list_size = 2 * limits.header_bytes_max
    h2.receive_data(PREFACE)
    return h2


@functools.cache
def _settings(limits: ServerLimits) -> tuple[Settings, Settings]:
    """The settings that peers receive, and those that h2 enforces. Both are constant and shared by all connections.

    In h2, a stream over the limit or too large headers end the whole connection, even if the client cannot know the
    limit yet. The server therefore refuses only the call. The settings of h2 are a second, higher limit.
    """
    announced = {
        SettingCodes.ENABLE_PUSH: 0,
        SettingCodes.MAX_CONCURRENT_STREAMS: limits.streams_max,
        SettingCodes.INITIAL_WINDOW_SIZE: limits.window_bytes,
        SettingCodes.MAX_FRAME_SIZE: limits.frame_bytes_max,
        SettingCodes.MAX_HEADER_LIST_SIZE: limits.header_bytes_max,
    }
    enforced = {
        **announced,
        SettingCodes.MAX_CONCURRENT_STREAMS: 2 * limits.streams_max + 100,
        SettingCodes.MAX_HEADER_LIST_SIZE: 2 * limits.header_bytes_max,
    }
    return Settings(client=False, initial_values=announced), Settings(client=False, initial_values=enforced)
