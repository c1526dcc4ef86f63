"""What transports have taken, by kind."""

from sessions.statistics import Delivered, DeliveryMeter
from sessions.transport import EncodedBatch


def test_deliveries_add_up_by_kind() -> None:
    """Lines, bytes and writes; a kind that took nothing is not there."""
    meter = DeliveryMeter()
    assert meter.totals() == {}
    for kind, count, size in (("sse", 3, 100), ("sse", 4, 20), ("socketio", 5, 7)):
        meter.add(kind, EncodedBatch(0, count, count, b"", size))
    assert meter.totals() == {
        "sse": Delivered(lines=7, bytes=120, writes=2),
        "socketio": Delivered(lines=5, bytes=7, writes=1),
    }
