"""Following the lanes: what other gateways store is published here soon after their commits.

After a commit its gateway notifies the others from a connection of its own. Never within the commit: NOTIFY would take
a lock of the whole cluster until the commit is on the disk. What is notified is only a hint; the lanes' rows, read each
100 ms, is the floor under it.
"""

import asyncio
import contextlib
import itertools
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import asyncpg

from filters.block import Block
from storage.errors import StorageError
from storage.journal.chunks import ChunkDamagedError, open_payload
from storage.journal.interface import Committed, StageProgress, TaskEnded
from storage.journal.postgres.commit_call import StoredRange
from storage.journal.postgres.lane_place import LanePlace
from storage.journal.postgres.relayed import RelayedCommit
from storage.journal.queries import END_KIND
from storage.journal.reader import stored_end
from storage.postgres.connections import Row, connect
from storage.postgres.errors import translate_errors

__all__ = ["FLOOR_SECONDS", "RELAYED_SECONDS", "Follower", "FollowerStatistics", "Server", "channel_of"]

_log = logging.getLogger(__name__)

FLOOR_SECONDS: Final = 0.1
_SEEN_SECONDS: Final = 5.0
"""How often the listening connection is asked whether it is still there."""

_RECONNECT_SECONDS: Final = 0.5
_ANSWER_SECONDS_MAX: Final = 20.0
"""A server that does not answer a read for so long is taken for gone."""

RELAYED_SECONDS: Final = 0.02
"""How long a notification waits of what Redis carries: those who have it by then need not wake up for it."""

_ROWS_MAX: Final = 64
"""Records of a step, which all lanes share."""

_INLINE_BYTES_MAX: Final = 64 << 10
"""Payloads up to this size come along, so that a step takes 4 MB at most; larger ones are asked for one by one."""

# The lanes and their next records as of one moment, in one round trip. Positions of a lane follow days: what comes
# after a record is of its day or a later one.
_STEP: Final = f"""
SELECT l.lane, l.position AS reached, l.stages, l.epoch, r.*
FROM unnest($1::integer[], $2::bigint[], $3::date[]) AS mine (lane, after, since) JOIN journal_lanes l USING (lane)
LEFT JOIN LATERAL (
  SELECT r.position, r.day, t.task_id, r.kind, r.first_sequence, r.last_sequence, r.codec, r.raw_size, r.checksum,
  CASE WHEN r.kind = {END_KIND} OR (length(r.payload) <= {_INLINE_BYTES_MAX} AND t.task_id = ANY($4::text[]))
  THEN r.payload END AS payload
  FROM journal_records r JOIN journal_tasks t USING (task_key)
  WHERE r.lane = mine.lane AND r.position > mine.after AND r.position <= l.position AND r.day >= mine.since
  ORDER BY r.position LIMIT $5
) r ON true ORDER BY l.lane, r.position"""  # noqa: S608 - constants

_PAYLOAD: Final = "SELECT payload FROM journal_records WHERE lane = $1 AND position = $2 AND day = $3"

_STAGES: Final = """
SELECT pipeline_id, stage_id, document, number FROM journal_stages
WHERE lane = $1 AND position > $2 AND position <= $3 ORDER BY position"""


_SERVER: Final = """
SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication),
current_setting('synchronous_standby_names') <> ''"""


@dataclass(frozen=True, slots=True)
class Server:
    """The database server, as it was when it was last asked; ``role`` is empty while there is no connection."""

    role: str = ""
    standbys: int = 0
    is_synchronous: bool = False


@dataclass(frozen=True, slots=True)
class FollowerStatistics:
    """How far this gateway follows the others.

    ``lags`` are of each lane: its position that was last seen, less that up to which everything was published.
    """

    position: int = 0
    lags: tuple[int, ...] = (0,)
    records: int = 0
    """Records of other gateways that were read."""
    notified: int = 0
    relayed: int = 0
    """Of these, how many came over Redis."""
    is_listening: bool = False
    server: Server = Server()
    error: str = ""

    @property
    def lag(self) -> int:
        """Of all lanes."""
        return sum(self.lags)


class Follower:
    """Publishes what other gateways commit; belongs to the event loop.

    What this gateway commits is published by its own commits, and passed over here. Where the two come in another
    order than in the lane, nothing is lost or doubled: a topic takes nothing that is not after its head, and what it
    passed over is read from the journal.

    Args:
        url: of the database.
        address: the same, to be shown.
        places: where the lanes stand, each with its number.
        publish: takes what others have committed.
        saw: called before that with a lane and its last record that was seen.
        watched: the tasks whose lines somebody here is waiting for.
        look: finds out which life the database is in, where it may be another one; its token.

    Attributes:
        token: of the life that is followed.
    """

    def __init__(
        self,
        url: str,
        address: str,
        places: Sequence[LanePlace],
        *,
        publish: Callable[[Committed], None],
        saw: Callable[[int, int], None],
        watched: Callable[[], Collection[str]],
        look: Callable[[], Awaitable[str]],
    ) -> None:
        self.token = ""
        self._url = url
        self._address = address
        self._places = places
        self._rows_max = max(_ROWS_MAX // len(places), 1)
        self._publish = publish
        self._saw = saw
        self._watched = watched
        self._look = look
        self._wake = asyncio.Event()
        self._to_notify = asyncio.Event()
        self._untold: set[int] = set()  # lanes with commits of which nobody was notified
        self._notice: asyncio.TimerHandle | None = None
        self._records = self._notified = self._relayed = 0
        self._is_listening = False
        self._server = Server()
        self._error = ""
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<Follower {self._places}>"

    @property
    def position(self) -> int:
        """The newest record that was published here."""
        return max(place.position for place in self._places)

    @property
    def statistics(self) -> FollowerStatistics:
        """An immutable snapshot."""
        return FollowerStatistics(
            position=self.position,
            lags=tuple(place.lag for place in self._places),
            records=self._records,
            notified=self._notified,
            relayed=self._relayed,
            is_listening=self._is_listening,
            server=self._server,
            error=self._error,
        )

    def start(self) -> None:
        """Begin to follow, and to notify."""
        for work, name in ((self._follow, "reads"), (self._listen, "listens"), (self._notify, "notifies")):
            self._tasks.append(asyncio.create_task(self._again(work), name=f"journal-follower-{name}"))

    async def close(self) -> None:
        """Stop; idempotent."""
        self._drop_notice()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def restart(self, positions: Sequence[int], stages: Sequence[int]) -> None:
        """Another epoch of the journal has begun, which may stand before the positions."""
        for place, position, stage in zip(self._places, positions, stages, strict=True):
            place.restart(position, stage)

    def committed(self, stored: StoredRange, *, is_relayed: bool = False) -> None:
        """Pass over what this gateway has stored: it publishes that itself. ``is_relayed``: Redis carries it, too."""
        place = self._places[stored.lane]
        place.committed(stored)
        if (stored.position, stored.stages) == (stored.before, stored.stages_before):
            return
        self._untold.add(stored.lane)
        if not is_relayed:
            self._to_notify.set()
        elif self._notice is None:
            self._notice = asyncio.get_running_loop().call_later(RELAYED_SECONDS, self._to_notify.set)
        self._take_received(place)

    def received(self, commit: RelayedCommit) -> None:
        """Publish a commit of another gateway that came over Redis, if all before it was; else it waits for a while."""
        if commit.token == self.token and 0 <= commit.lane < len(self._places):
            place = self._places[commit.lane]
            place.received(commit)
            self._take_received(place)

    def _take_received(self, place: LanePlace) -> None:
        while (commit := place.next_received()) is not None:
            watched = self._watched()
            blocks, ended = list[Block](), list[TaskEnded]()
            for record in commit.records:
                if record[0] in watched:
                    self._relayed += 1
                    self._records += 1
                    _take(record, blocks, ended)
            if commit.records:
                self._tell(place, Committed(blocks, ended, is_gathered=True))

    def _tell(self, place: LanePlace, committed: Committed) -> None:
        self._saw(place.lane, place.position)
        self._publish(committed)

    async def _again(self, work: Callable[[asyncpg.Connection], Any]) -> None:
        """Do work on a connection of its own, and on another one when that is lost."""
        while True:
            try:
                with translate_errors(self._address):
                    connection = await connect(self._url, synchronous_commit=False)
                    try:
                        await work(connection)
                    finally:
                        connection.terminate()
            except StorageError as error:
                if not self._error:
                    _log.warning("other gateways are not followed", extra={"reason": str(error)})
                self._error = str(error)
            except Exception as error:  # noqa: BLE001 - following must continue
                _log.exception("following other gateways failed")
                self._error = f"other gateways are not followed: {error}"
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """LISTEN first, then read: what was stored before is found by the reading."""
        channel = await channel_of(connection)
        await connection.add_listener(channel, self._heard)
        self._is_listening = True
        self._wake.set()
        try:
            while True:
                async with asyncio.timeout(_SEEN_SECONDS):
                    is_standby, standbys, is_synchronous = await connection.fetchrow(_SERVER)
                self._server = Server("standby" if is_standby else "primary", standbys, is_synchronous)
                await asyncio.sleep(_SEEN_SECONDS)
        finally:
            self._is_listening = False
            self._server = Server()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        try:
            position, stages, lane = (*map(int, payload.split()), 0)[:3]
            place = self._places[lane]
        except (ValueError, IndexError):
            return  # not one of ours: every client that may connect may notify
        if position > place.position or stages > place.stages:
            self._notified += 1
            self._wake.set()

    async def _notify(self, connection: asyncpg.Connection) -> None:
        """One notification of each lane for all commits since the last one."""
        channel = await channel_of(connection)
        while True:
            await self._to_notify.wait()
            self._to_notify.clear()
            self._drop_notice()
            lanes, self._untold = self._untold, set()
            places = (self._places[lane] for lane in sorted(lanes))
            told = [f"{place.seen} {place.stages}{f' {place.lane}' * (place.lane > 0)}" for place in places]
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                await connection.execute("SELECT pg_notify($1, place) FROM unnest($2::text[]) AS place", channel, told)

    async def _follow(self, connection: asyncpg.Connection) -> None:
        since = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date - 1")
        for place in self._places:
            place.day = place.day or since
        self.token = await self._look()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLOOR_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            while await self._step(connection):
                pass
            self._error = ""

    async def _step(self, connection: asyncpg.Connection) -> bool:
        """Publish what comes next; whether there may be more at once.

        A task that is watched from now on is loaded from the journal after this was read, and so has these records. One
        that is watched since the query was sent may have been loaded before: its payloads are read one by one.
        """
        mine = [(place.lane, place.position, place.day) for place in self._places]
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            rows = await connection.fetch(
                _STEP, *map(list, zip(*mine, strict=True)), list(self._watched()), self._rows_max
            )
        if any(row["epoch"] != self.token for row in rows):  # before anything is published that was stored in that life
            self.token = await self._look()
            return True
        is_more = False
        for lane, found in itertools.groupby(rows, key=itemgetter("lane")):
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                is_more |= await self._take_lane(connection, self._places[lane], list(found))
        return is_more

    async def _take_lane(self, connection: asyncpg.Connection, place: LanePlace, rows: Sequence[Row]) -> bool:
        """Publish what comes next in a lane; whether there may be more at once."""
        lane = rows[0]
        place.seen = lane["reached"]
        if lane["position"] is not None:
            await self._take_records(connection, place, rows)
        elif place.position < lane["reached"]:
            place.pass_over(lane["reached"])  # retention has taken them
        if place.stages < lane["stages"]:
            await self._read_stages(connection, place, lane["stages"])
        return bool(place.position < lane["reached"])

    async def _take_records(self, connection: asyncpg.Connection, place: LanePlace, rows: Sequence[Row]) -> None:
        """Publish records; all up to where the lane is are committed and visible."""
        watched = self._watched()
        blocks, ended = list[Block](), list[TaskEnded]()
        for row in rows:
            if row["position"] <= place.position or place.is_own(row["position"]) or row["task_id"] not in watched:
                continue
            self._records += 1
            payload = row["payload"]
            if payload is None:
                payload = await connection.fetchval(_PAYLOAD, place.lane, row["position"], row["day"])
            if payload is not None:
                _take((*row[6:13], payload), blocks, ended)
        place.day = rows[-1]["day"]
        place.pass_over(rows[-1]["position"] if len(rows) == self._rows_max else rows[0]["reached"])
        self._tell(place, Committed(blocks, ended, is_gathered=True))
        self._take_received(place)

    def _drop_notice(self) -> None:
        if self._notice is not None:
            self._notice.cancel()
            self._notice = None

    async def _read_stages(self, connection: asyncpg.Connection, place: LanePlace, upto: int) -> None:
        rows: Sequence[Row] = await connection.fetch(_STAGES, place.lane, place.stages, upto)
        place.pass_over_stages(upto)
        self._publish(Committed(progress=[StageProgress(row[0], row[1], row[2], row[3]) for row in rows]))


def _take(record: Sequence[Any], blocks: list[Block], ended: list[TaskEnded]) -> None:
    """Add a record, as ``RelayedCommit`` has them, to what is to be published."""
    task_id, kind, first, last, codec, raw_size, checksum, payload = record
    start = last if kind == END_KIND else first
    try:
        lines = open_payload(codec, raw_size, checksum, payload, task_id=task_id, first=start, last=last)
    except ChunkDamagedError:
        return  # readers find out where they come to it
    if kind == END_KIND:
        ended.append(stored_end(task_id, last, lines[0]))
    else:
        blocks.append(Block(task_id, first, lines, received_at=time.monotonic()))


async def channel_of(connection: asyncpg.Connection) -> str:
    """The channel of these tables: a database may have several journals, in several schemas."""
    schema: str = await connection.fetchval("SELECT current_schema()")
    return f"otto_journal_{zlib.crc32(schema.encode()):08x}"  # a channel's name has 63 bytes at most
