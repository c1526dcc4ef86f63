"""The attacks in their short form; ``make attack`` is the long one, with what they cost."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.attacks.attack import ATTACKS, Door, Target
from tests.attacks.bench import chosen, running_target
from tests.attacks.threat_model import ROOT, named_tests
from tests.support.gateway_log import trouble

pytestmark = [pytest.mark.xdist_group("attacks")]

DOORS: tuple[Door, ...] = ("open", "guarded")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def targets(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[Door, Target]]:
    """A gateway for all attacks on each door."""
    async with AsyncExitStack() as stack:
        folder = tmp_path_factory.mktemp("attacks")
        yield {door: await stack.enter_async_context(running_target(door, folder, is_long=False)) for door in DOORS}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [attack.name for door in DOORS for attack in chosen(door, is_long=False)])
async def test_no_attack_comes_through(targets: dict[Door, Target], name: str) -> None:
    """Each is answered as the table says, and the gateway logs no error of its own."""
    target = targets[ATTACKS[name].door]
    print(await ATTACKS[name].run(target))
    assert trouble(target.gateway.log()) == []


def test_every_test_that_the_threat_model_names_is_there() -> None:
    """The page names no test that was renamed or removed."""
    python, javascript = named_tests()
    assert python
    assert javascript
    for path in javascript:
        assert (ROOT / path).is_file(), path
    for named in python:
        path, _, name = named.partition("::")
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), named
