"""The fault bench in its short form, and what its referee must not overlook."""

from pathlib import Path

import pytest

from tests.faults.bench import run
from tests.faults.plan import SHORT
from tests.faults.report import summary

SEED = 20260117

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("demonstration")]


@pytest.mark.timeout(300)
async def test_every_promise_is_kept_while_everything_is_broken(tmp_path: Path) -> None:
    """Each kind of fault at least once, on real processes: nothing lost, nothing doubled, nothing out of order."""
    result = await run(SHORT, SEED, tmp_path)
    print(summary(result))
    assert result.verdict.is_good, summary(result)
    for name, count in {**SHORT.deeds, **SHORT.weather}.items():
        assert result.faults[name] >= count or name in result.skipped
