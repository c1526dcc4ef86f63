"""Following a lane: what other gateways store is published here soon after their commits.

After a commit its gateway notifies the others from a connection of its own. Never within the commit: NOTIFY would take
a lock of the whole cluster until the commit is on the disk. What is notified is only a hint; the lane's row, read each
100 ms, is the floor under it.
"""

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from filters.block import Block
from storage.errors import StorageError
from storage.journal.chunks import ChunkDamagedError, open_payload
from storage.journal.interface import Committed, StageProgress, TaskEnded
from storage.journal.postgres.commit_call import StoredRange
from storage.journal.postgres.relayed import RelayedCommit
from storage.journal.postgres.schema import LANE
from storage.journal.queries import END_KIND
from storage.journal.reader import stored_end
from storage.postgres.connections import Row, connect
from storage.postgres.errors import translate_errors

__all__ = ["FollowerStatistics", "LaneFollower", "Server"]

_log = logging.getLogger(__name__)

_FLOOR_SECONDS: Final = 0.1
_SEEN_SECONDS: Final = 5.0
"""How often the listening connection is asked whether it is still there."""

_RECONNECT_SECONDS: Final = 0.5
_ANSWER_SECONDS_MAX: Final = 20.0
"""A server that does not answer a read for so long is taken for gone."""

_ROWS_MAX: Final = 64
_INLINE_BYTES_MAX: Final = 64 << 10
"""Payloads up to this size come along, so that a step takes 4 MB at most; larger ones are asked for one by one."""

# The lane and its next records as of one moment, in one round trip. Positions follow days: what comes after a record is
# of its day or a later one.
_STEP: Final = f"""
SELECT l.position AS reached, l.stages, l.epoch, r.* FROM journal_lanes l LEFT JOIN LATERAL (
  SELECT r.position, r.day, t.task_id, r.kind, r.first_sequence, r.last_sequence, r.codec, r.raw_size, r.checksum,
  CASE WHEN r.kind = {END_KIND} OR (length(r.payload) <= {_INLINE_BYTES_MAX} AND t.task_id = ANY($3::text[]))
  THEN r.payload END AS payload
  FROM journal_records r JOIN journal_tasks t USING (task_key)
  WHERE r.lane = $1 AND r.position > $2 AND r.position <= l.position AND r.day >= $4
  ORDER BY r.position LIMIT {_ROWS_MAX}
) r ON true WHERE l.lane = $1 ORDER BY r.position"""  # noqa: S608 - constants

_EARLY_MAX: Final = 256
"""Commits that wait for others before them."""

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
    """How far this gateway follows the others. ``lag`` is the lane's position that was last seen, less its own."""

    position: int = 0
    lag: int = 0
    records: int = 0
    """Records of other gateways that were read."""
    notified: int = 0
    relayed: int = 0
    """Of these, how many came over Redis."""
    is_listening: bool = False
    server: Server = Server()
    error: str = ""


class LaneFollower:
    """Publishes what other gateways commit in a lane; belongs to the event loop.

    What this gateway commits is published by its own commits, and passed over here. Where the two come in another
    order than in the lane, nothing is lost or doubled: a topic takes nothing that is not after its head, and what it
    passed over is read from the journal.

    Args:
        url: of the database.
        address: the same, to be shown.
        stored: where the lane stands.
        publish: takes what others have committed.
        watched: the tasks whose lines somebody here is waiting for.
        look: finds out which life the database is in, where it may be another one; its token.

    Attributes:
        token: of the life that is followed.
    """

    def __init__(
        self,
        url: str,
        address: str,
        stored: StoredRange,
        *,
        publish: Callable[[Committed], None],
        watched: Callable[[], Collection[str]],
        look: Callable[[], Awaitable[str]],
    ) -> None:
        self.token = ""
        self._url = url
        self._address = address
        self._position, self._stages = stored.position, stored.stages
        self._seen_position = stored.position
        self._own: dict[int, int] = {}
        self._own_stages: dict[int, int] = {}
        self._publish = publish
        self._watched = watched
        self._look = look
        self._wake = asyncio.Event()
        self._to_notify = asyncio.Event()
        self._records = self._notified = self._relayed = 0
        self._early: dict[int, RelayedCommit] = {}  # by where they begin
        self._is_listening = False
        self._server = Server()
        self._error = ""
        self._day: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<LaneFollower lane={LANE} position={self._position} lag={self.statistics.lag}>"

    @property
    def position(self) -> int:
        """The last record up to which everything was published here."""
        return self._position

    @property
    def statistics(self) -> FollowerStatistics:
        """An immutable snapshot."""
        return FollowerStatistics(
            position=self._position,
            lag=max(self._seen_position - self._position, 0),
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
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def restart(self, position: int, stages: int) -> None:
        """Another epoch of the journal has begun, which may stand before the position."""
        self._position, self._stages, self._seen_position = position, stages, position
        self._own.clear()
        self._own_stages.clear()
        self._early.clear()

    def committed(self, stored: StoredRange) -> None:
        """Pass over what this gateway has stored: it publishes that itself."""
        self._position = _passed(self._position, self._own, stored.before, stored.position)
        self._stages = _passed(self._stages, self._own_stages, stored.stages_before, stored.stages)
        self._seen_position = max(self._seen_position, stored.position)
        self._to_notify.set()
        self._take_early()

    def received(self, commit: RelayedCommit) -> None:
        """Publish a commit of another gateway that came over Redis, if all before it was; else it waits for a while."""
        if commit.token != self.token or commit.before < self._position:
            return
        if len(self._early) >= _EARLY_MAX:
            self._early.clear()  # they are read from the database
        self._early[commit.before] = commit
        self._take_early()

    def _take_early(self) -> None:
        while (commit := self._early.pop(self._position, None)) is not None and commit.position > self._position:
            watched = self._watched()
            blocks, ended = list[Block](), list[TaskEnded]()
            for record in commit.records:
                if record[0] in watched:
                    self._relayed += 1
                    self._records += 1
                    _take(record, blocks, ended)
            self._seen_position = max(self._seen_position, commit.position)
            self._pass_over(commit.position)
            if commit.records:
                self._publish(Committed(blocks, ended))

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
        channel = await _channel(connection)
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
        position, _, stages = payload.partition(" ")
        if int(position) > self._position or int(stages) > self._stages:
            self._notified += 1
            self._wake.set()

    async def _notify(self, connection: asyncpg.Connection) -> None:
        """One notification for all commits since the last one."""
        channel = await _channel(connection)
        while True:
            await self._to_notify.wait()
            self._to_notify.clear()
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                await connection.execute("SELECT pg_notify($1, $2)", channel, f"{self._seen_position} {self._stages}")

    async def _follow(self, connection: asyncpg.Connection) -> None:
        if self._day is None:
            self._day = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date - 1")
        self.token = await self._look()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLOOR_SECONDS):
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
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            rows = await connection.fetch(_STEP, LANE, self._position, list(self._watched()), self._day)
        lane = rows[0]
        if lane["epoch"] != self.token:  # before anything is published that was stored in that life
            self.token = await self._look()
            return True
        self._seen_position = lane["reached"]
        if lane["position"] is not None:
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                await self._take_records(connection, rows)
        elif self._position < lane["reached"]:
            self._pass_over(lane["reached"])  # retention has taken them
        if self._stages < lane["stages"]:
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                await self._read_stages(connection, lane["stages"])
        return bool(self._position < lane["reached"])

    async def _take_records(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Publish records; all up to where the lane is are committed and visible."""
        watched = self._watched()
        blocks, ended = list[Block](), list[TaskEnded]()
        for row in rows:
            if row["position"] <= self._position or self._is_own(row["position"]) or row["task_id"] not in watched:
                continue
            self._records += 1
            payload = row["payload"]
            if payload is None:
                payload = await connection.fetchval(_PAYLOAD, LANE, row["position"], row["day"])
            if payload is not None:
                _take((*row[5:12], payload), blocks, ended)
        self._day = rows[-1]["day"]
        self._pass_over(rows[-1]["position"] if len(rows) == _ROWS_MAX else rows[0]["reached"])
        self._publish(Committed(blocks, ended))
        for before in [each for each in self._early if each < self._position]:
            del self._early[before]
        self._take_early()

    def _pass_over(self, position: int) -> None:
        self._position = max(self._position, position)
        self._position = _passed(self._position, self._own, self._position, self._position)

    async def _read_stages(self, connection: asyncpg.Connection, upto: int) -> None:
        rows: Sequence[Row] = await connection.fetch(_STAGES, LANE, self._stages, upto)
        self._stages = _passed(max(self._stages, upto), self._own_stages, upto, upto)
        self._publish(Committed(progress=[StageProgress(row[0], row[1], row[2], row[3]) for row in rows]))

    def _is_own(self, position: int) -> bool:
        return any(before < position <= last for before, last in self._own.items())


def _passed(position: int, own: dict[int, int], before: int, last: int) -> int:
    """Where a position gets to with a range that this gateway stored itself, and with those that waited for it."""
    if last > position:
        own[before] = last
    for start in sorted(own):
        if start <= position:
            position = max(position, own.pop(start))
    return position


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


async def _channel(connection: asyncpg.Connection) -> str:
    """The channel of these tables: a database may have several journals, in several schemas."""
    schema: str = await connection.fetchval("SELECT current_schema()")
    return f"otto_journal_{zlib.crc32(schema.encode()):08x}"  # a channel's name has 63 bytes at most
