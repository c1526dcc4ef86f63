"""The faults of several gateways in their short form."""

from pathlib import Path

import pytest

from tests.cluster_faults.bench import run, summary
from tests.cluster_faults.plan import SHORT

SEED = 20261130

pytestmark = [pytest.mark.node, pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]


@pytest.mark.timeout(300)
async def test_every_promise_is_kept_while_gateways_and_primaries_die(tmp_path: Path) -> None:
    """Each kind of fault, on real processes and servers: nothing lost, nothing doubled, nothing out of order."""
    result = await run(SHORT, SEED, tmp_path)
    print(summary(result))
    assert result.verdict.is_good, summary(result)
    assert result.deeds == SHORT.deeds
