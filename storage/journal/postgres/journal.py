"""The journal on one PostgreSQL database, which several gateways write and read at once."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from filters.read_owner import NOBODY
from storage.errors import StorageObstructedError
from storage.journal.group_commit import GroupCommit
from storage.journal.interface import Ancestor, Committed
from storage.journal.postgres.commit_call import StoredRange
from storage.journal.postgres.epoch import Life, Memory, Remembered, begin_life
from storage.journal.postgres.follower import Follower, FollowerStatistics
from storage.journal.postgres.lane_commits import LaneCommits
from storage.journal.postgres.lane_place import LanePlace
from storage.journal.postgres.queries import PostgresQueries
from storage.journal.postgres.relayed import RelayedCommit
from storage.journal.postgres.remover import PostgresRemover
from storage.journal.postgres.schema import migrate
from storage.journal.postgres.summary_store import PostgresSummaryStore
from storage.journal.postgres.writer import PostgresWriter
from storage.journal.read_scheduler import ReadKind
from storage.journal.reader import Reader
from storage.journal.statistics import JournalStatistics
from storage.journal.stored_journal import StoredJournal
from storage.postgres.address import plain_url, shown_address
from storage.postgres.connections import Link
from storage.postgres.errors import translate_errors

if TYPE_CHECKING:
    from storage.journal.postgres.relay import Relay

__all__ = ["PostgresJournal"]

_RETRY_SECONDS: Final = 0.5
"""Pause between two attempts to reach a database that is not there yet."""


class PostgresJournal(StoredJournal):
    """See ``storage.journal.interface.Journal``. Made by ``open``; belongs to the event loop that it was opened on."""

    def __init__(
        self,
        url: str,
        life: Life,
        *,
        pending_bytes_max: int,
        commit_bytes_max: int,
        retry_seconds_max: float,
        gather_seconds: float,
        readers: int,
        writers_max: int,
        redis_url: str | None,
    ) -> None:
        self._url = url
        self._redis_url = redis_url
        self._relay: Relay | None = None
        self._address = shown_address(url)
        self._life = life
        self._event_loop = asyncio.get_running_loop()
        self._follower: Follower | None = None
        self._remembered = Remembered(life)
        self._on_lost: Callable[[], None] = lambda: None
        translated = partial(translate_errors, self._address)
        self._writers = [self._make_writer(url, life) for _ in range(min(len(life.positions), writers_max))]
        self._name = self._writers[0].gateway  # of what it sends over Redis
        ways = [
            GroupCommit(
                *(writer, translated, nullcontext, lambda _: None),
                last_record=max(life.positions),
                pending_bytes_max=pending_bytes_max // len(self._writers),
                commit_bytes_max=commit_bytes_max,
                retry_seconds_max=retry_seconds_max,
                gather_seconds=gather_seconds,
            )
            for writer in self._writers
        ]
        removals = Link(url, synchronous_commit=False)
        super().__init__(
            commits=ways[0] if len(ways) == 1 else LaneCommits(ways, len(life.positions)),
            reader=Reader(lambda: PostgresQueries(Link(url))),
            readers=readers,
            remover=PostgresRemover(removals),
            summaries=PostgresSummaryStore(removals),
            translated=translated,
        )

    def _make_writer(self, url: str, life: Life) -> PostgresWriter:
        link = Link(url, on_connect=lambda link: writer.connected(link))
        writer = PostgresWriter(link, life, remembered=self._remembered, on_life=self._began, on_stored=self._stored)
        return writer

    def __repr__(self) -> str:
        return f"<PostgresJournal {self._address} epoch={self.epoch} {self._commits!r}>"

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        pending_bytes_max: int = 32 << 20,
        commit_bytes_max: int = 4 << 20,
        retry_seconds_max: float = 0.0,
        gather_seconds: float = 0.0,
        readers: int = 2,
        lanes: int | None = None,
        writers_max: int = 4,
        redis_url: str | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> "PostgresJournal":
        """Open a journal, making or migrating its tables.

        Args:
            url: ``postgresql://user:password@host:5432/database``; several hosts are separated by commas.
            pending_bytes_max: as of ``SqliteJournal.open``.
            commit_bytes_max: as of ``SqliteJournal.open``.
            retry_seconds_max: as of ``SqliteJournal.open``; also while the server is away.
            gather_seconds: as of ``SqliteJournal.open``.
            readers: as of ``SqliteJournal.open``.
            lanes: how many a new database gets, 1 to ``LANES_MAX``; None: one, or that of the database.
            writers_max: threads that commit, where there are as many lanes; each has a connection, and its share of
                ``pending_bytes_max``.
            redis_url: what carries committed lines between gateways faster; None: they read them from the database.
            on_wait: called with the reason, whenever it changes, while the server is not there yet. None: not waiting.

        Raises:
            DatabaseError: it cannot be used; the text says why in one sentence.
            StorageUnavailableError: it cannot be used now.
        """
        url = plain_url(url)
        life = await _prepared(url, lanes, on_wait)
        return cls(
            url,
            life,
            pending_bytes_max=pending_bytes_max,
            commit_bytes_max=commit_bytes_max,
            retry_seconds_max=retry_seconds_max,
            gather_seconds=gather_seconds,
            readers=readers,
            writers_max=writers_max,
            redis_url=redis_url,
        )

    @property
    def address(self) -> str:
        """The servers and the database, without user and password."""
        return self._address

    @property
    def epoch(self) -> str:
        """The journal's life."""
        return self._life.epoch

    @property
    def lineage(self) -> Sequence[Ancestor]:
        """The lives that this one continues from, the latest first."""
        return self._life.lineage

    @property
    def newest_record(self) -> int:
        """The id of the newest record that this gateway knows of, of any gateway."""
        return max(self._commits.last_record, self._follower.position if self._follower else 0)

    async def settled_record(self) -> int:
        """See ``StoredJournal.settled_record``: of all gateways, and of all lanes."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.newest_record)

    @property
    def lane_lags(self) -> Sequence[int]:
        """See ``StoredJournal.lane_lags``."""
        return self.follower_statistics.lags if len(self._life.positions) > 1 else ()

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters."""
        return replace(super().statistics, last_record=self.newest_record)

    @property
    def follower_statistics(self) -> FollowerStatistics:
        """How far other gateways are followed."""
        return self._follower.statistics if self._follower else FollowerStatistics()

    @property
    def follower_error(self) -> str:
        """Why other gateways are not followed at the moment."""
        return self.follower_statistics.error

    @property
    def figures(self) -> Mapping[str, str | int | bool]:
        """How far other gateways are followed, and what the database is."""
        found = self.follower_statistics
        relay = {} if self._relay is None else {"redis": self._relay.is_connected}
        lanes = {"laneLags": " ".join(map(str, self.lane_lags))} if self.lane_lags else {}
        return {
            **relay,
            **lanes,
            "lag": found.lag,
            "listening": found.is_listening,
            "role": found.server.role,
            "standbys": found.server.standbys,
            "synchronous": found.server.is_synchronous,
        }

    def metrics(self) -> Iterable[tuple[str, str, float]]:
        """How far other gateways are followed."""
        found = self.follower_statistics
        return (
            ("otto_journal_lane_position", "The position up to which the lane is followed.", found.position),
            ("otto_journal_lane_lag", "Records of the lane that were seen and not followed yet.", found.lag),
            ("otto_journal_listening", "1 while notifications of other gateways arrive.", found.is_listening),
            ("otto_journal_relayed", "Records of other gateways that came over Redis.", found.relayed),
            ("otto_journal_standbys", "Standbys that are connected to the database.", found.server.standbys),
            ("otto_journal_synchronous", "1 while a commit waits for a standby.", found.server.is_synchronous),
        )

    def follow(
        self,
        publish: Callable[[Committed], None],
        watched: Callable[[], Collection[str]],
        *,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """See ``StoredJournal.follow``."""
        life = self._life
        places = [LanePlace(lane, *place) for lane, place in enumerate(zip(life.positions, life.stages, strict=True))]
        self._on_lost = on_lost

        def saw(lane: int, position: int) -> None:
            self._remembered.saw(follower.token, lane, position)

        follower = self._follower = Follower(
            self._url, self._address, places, publish=publish, saw=saw, watched=watched, look=self._look
        )
        follower.start()
        if self._redis_url is not None:
            self._relay = _relay(self._redis_url, self._url, self._name, follower)
            self._relay.start()

    def _stored(self, stored: Sequence[StoredRange]) -> None:
        """On a writer's thread: a commit of this gateway is stored, and will be published after this is heard of."""
        self._event_loop.call_soon_threadsafe(self._note, stored)

    def _note(self, stored: Sequence[StoredRange]) -> None:
        for each in stored:
            is_relayed = False
            if self._relay is not None and each.records:
                place = (self._name, each.token, each.before, each.position)
                is_relayed = self._relay.publish(RelayedCommit(*place, each.records, each.lane))
            if self._follower is not None:
                self._follower.committed(each, is_relayed=is_relayed)

    def _began(self, life: Life) -> None:
        """On a writer's thread: the database is in another life."""
        self._event_loop.call_soon_threadsafe(self._adopt, life)

    def _adopt(self, life: Life) -> None:
        """Where the database has lost something, all that was derived from it is wrong: call the listener."""
        if life.number <= self._life.number:
            return  # the writer and the follower find out each for itself
        is_lost, self._life = life.epoch != self._life.epoch, life
        if is_lost:
            if self._follower is not None:
                self._follower.restart(life.positions, life.stages)
            self._on_lost()

    async def _look(self) -> str:
        """The token of the life that the database is in."""
        life = await asyncio.to_thread(_look, self._url, self._remembered.memory)
        self._remembered.began(life)
        self._adopt(life)
        return life.token

    async def _close(self) -> None:
        if self._relay is not None:
            await self._relay.close()
        if self._follower is not None:
            await self._follower.close()
        await super()._close()

    def _release(self) -> None:
        for writer in self._writers:
            writer.close()


def _relay(redis_url: str, url: str, gateway: str, follower: Follower) -> "Relay":
    from storage.journal.postgres.relay import Relay  # an extra

    return Relay(redis_url, f"otto_journal:{shown_address(url).rpartition('/')[2]}", gateway, follower.received)


async def _prepared(url: str, lanes: int | None, on_wait: Callable[[str], None] | None) -> Life:
    """``_prepare``, again and again while the server is not there; in steps, so that it can be broken off."""
    reason = ""
    while True:
        try:
            return await asyncio.to_thread(_prepare, url, lanes)
        except StorageObstructedError as error:
            if on_wait is None:
                raise
            if str(error) != reason:
                reason = str(error)
                on_wait(reason)
        await asyncio.sleep(_RETRY_SECONDS)


def _prepare(url: str, lanes: int | None) -> Life:
    address = shown_address(url)
    link = Link(url)
    try:
        with translate_errors(address):
            migrate(link, address, lanes)
            return begin_life(link)
    finally:
        link.close()


def _look(url: str, memory: Memory) -> Life:
    link = Link(url)
    try:
        return begin_life(link, memory)
    finally:
        link.close()
