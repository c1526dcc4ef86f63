"""Two gateways on one database, and the journal in memory, side by side."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.journal.interface import Append
from storage.journal.postgres import PostgresJournal
from storage.journal.postgres.commit_call import COMMIT, COMMIT_LANES
from storage.postgres.connections import Link
from tests.storage.journal.sqlite.test_model import answers, copies, groups, state
from tests.support.memory_journal import MemoryJournal
from tests.support.postgres_server import PostgresServer

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

_fetch = Link.fetch


class Cut:
    """The connection is lost with the next commit, before or after it is stored."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.how = ""
        patched.setattr(Link, "fetch", lambda link, query, *arguments: self._fetch(link, query, *arguments))

    def _fetch(self, link: Link, query: str, *arguments: object) -> object:
        how = self.how
        if query not in {COMMIT, COMMIT_LANES} or not how:
            return _fetch(link, query, *arguments)
        self.how = ""
        if how == "after":
            _fetch(link, query, *arguments)
        link.drop()
        raise ConnectionResetError("cut")


async def compare(url: str, lanes: int, script: Sequence[Sequence[Append]], faults: Sequence[str], cut: Cut) -> None:
    model = MemoryJournal()
    journals = [await PostgresJournal.open(url, retry_seconds_max=60, lanes=lanes, writers_max=1) for _ in range(2)]
    try:
        for index, group in enumerate(script):
            fault = faults[index % len(faults)]
            cut.how = fault if fault in {"before", "after"} else ""
            journal = journals[fault == "other"]
            assert await answers(journal, copies(group)) == await answers(model, copies(group))
        cut.how = ""
        for journal in journals:
            assert await state(journal) == await state(model)
    finally:
        for journal in journals:
            await journal.close()


@pytest.mark.parametrize("lanes", [1, 2])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups, st.lists(st.sampled_from(("one", "other", "other", "before", "after")), min_size=1, max_size=5))
def test_two_gateways_do_what_the_list_does(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, lanes: int, script: list[list[Append]], faults: list[str]
) -> None:
    """Whatever is appended, in whatever groups and lanes, at whichever of them, across connections that are lost."""

    async def run() -> None:
        with monkeypatch.context() as patched:
            await compare(await postgres.add_schema(), lanes, script, faults, Cut(patched))

    asyncio.run(run())
