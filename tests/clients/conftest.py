from collections.abc import AsyncIterator

import pytest
from otto_logs import ProducerLimits

from tests.support.ingest_peer import IngestPeer


@pytest.fixture
async def peer() -> AsyncIterator[IngestPeer]:
    peer = await IngestPeer().start()
    yield peer
    peer.release.set()
    await peer.stop()


@pytest.fixture
def quick() -> ProducerLimits:
    """Limits that come back at once."""
    return ProducerLimits(backoff_seconds=0.01, backoff_seconds_max=0.05)
