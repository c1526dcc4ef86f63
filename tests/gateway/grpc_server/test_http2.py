"""h2 as the server sets it up."""

from h2.settings import SettingCodes

from gateway.grpc_server.http2 import make_h2
from gateway.grpc_server.limits import ServerLimits
from tests.support.raw_http2 import settings


def test_connections_share_their_settings() -> None:
    """They are the largest part of a connection in h2; a peer that acknowledges or sends its own changes them not."""
    limits = ServerLimits(streams_max=7)
    first, second = make_h2(limits), make_h2(limits)
    assert first.local_settings is second.local_settings
    before = dict(first.local_settings)
    first.receive_data(settings({SettingCodes.MAX_FRAME_SIZE: 1 << 20, SettingCodes.INITIAL_WINDOW_SIZE: 5}))
    first.receive_data(settings(ack=True))
    assert dict(second.local_settings) == before
    assert second.remote_settings.initial_window_size == 65_535
    assert make_h2(ServerLimits(streams_max=8)).local_settings.max_concurrent_streams == 2 * 8 + 100
