"""Secrets of tasks, shared by gateways: every gateway masks a secret before its producer receives the answer.

Values go through the database sealed for each gateway that runs, in rows that it deletes. One that has just started
asks for those of all tasks before it takes lines. A writer of the database can pose as a gateway and receive secrets.
"""

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import msgspec
import structlog

from gateway.errors import ApiError
from gateway.ingest.masking.sealed import OwnKey, seal
from gateway.ingest.masking.task_masks import TaskMasks
from storage.errors import StorageError
from storage.postgres.channel import ALIVE, GatewayChannel

__all__ = ["SECONDS_MAX", "SharedMasks"]

_log = structlog.get_logger(__name__)

SECONDS_MAX: Final = 15.0
"""Longer than a gateway that gives no sign of life is waited for."""
_REPEAT_SECONDS: Final = 0.2
_TASKS_PER_ROW: Final = 20

_PEERS: Final = f"SELECT gateway, public_key FROM journal_peers WHERE gateway <> $1 AND {ALIVE}"  # noqa: S608
_INSERT: Final = """
INSERT INTO journal_masks (sender, recipient, sealed)
SELECT $1, r, s FROM unnest($2::text[], $3::bytea[]) AS n (r, s) RETURNING id"""
_LEFT: Final = f"""
SELECT count(*), count(*) FILTER (WHERE sealed = '') FROM journal_masks JOIN journal_peers ON gateway = recipient
WHERE id = ANY ($1::bigint[]) AND {ALIVE}"""  # noqa: S608 - constants
_MINE: Final = "SELECT id, sender, sealed FROM journal_masks WHERE recipient = $1 AND sealed <> '' ORDER BY id LIMIT 20"
_TAKEN: Final = "DELETE FROM journal_masks WHERE id = ANY ($1::bigint[])"
_REFUSED: Final = "UPDATE journal_masks SET sealed = '' WHERE id = $1"
_FORGET: Final = "DELETE FROM journal_masks WHERE recipient NOT IN (SELECT gateway FROM journal_peers)"


class _Masks(msgspec.Struct):
    """What is sealed. ``answers``: it is the last part of the answer to a gateway that has asked with this number."""

    tasks: dict[str, list[str]]
    answers: str = ""


_decoder = msgspec.msgpack.Decoder(_Masks)


class SharedMasks:
    """Gives the masks of this gateway to the others, and takes theirs; belongs to the event loop."""

    def __init__(self, channel: GatewayChannel, masks: TaskMasks) -> None:
        self._channel = channel
        self._masks = masks
        self._key = OwnKey()
        self._shared: dict[str, set[str]] = {}
        self._changed = asyncio.Event()
        self._taking = asyncio.Lock()
        self._answered: dict[str, str] = {}
        self._missing: set[str] = set()
        self._asked = ""
        self._tasks: set[asyncio.Task[None]] = set()
        channel.public_key = self._key.public
        channel.listen("masks", lambda _sender, _text: self._go(self._take()))
        channel.listen("masked", lambda _sender, _text: self._changed.set())
        channel.listen("masks-wanted", lambda sender, text: self._go(self._answer(sender, text)))
        channel.on_return = lambda: self._go(self.collect())

    def __repr__(self) -> str:
        return f"<SharedMasks of {len(self._shared)} tasks>"

    async def share(self, task_id: str, values: Sequence[str]) -> None:
        """Return once every other gateway masks these values in the lines of a task.

        Raises:
            ApiError: UNAVAILABLE, one did not say so; RESOURCE_EXHAUSTED, one has as many as it may.
        """
        self._shared = {name: known for name, known in self._shared.items() if name in self._masks.known.tasks}
        known = self._shared.setdefault(task_id, set())
        wanted = [value for value in values if value not in known]
        if not wanted:
            return
        try:
            await self._share(_Masks({task_id: wanted}))
        except StorageError as error:
            text = "the other gateways cannot be told of the masks now; try again"
            raise ApiError("UNAVAILABLE", text, retry_after_seconds=1) from error
        known.update(wanted)

    async def collect(self) -> None:
        """Ask the others for the masks of all tasks, and wait for them, but for those that do not live.

        Raises:
            StorageError: the database cannot be used now.
        """
        await self._channel.fetch(_FORGET)
        self._asked, self._missing = secrets.token_hex(8), await self._living()
        give_up_at = asyncio.get_running_loop().time() + SECONDS_MAX
        while self._missing:
            if asyncio.get_running_loop().time() > give_up_at:
                _log.warning("masks of other gateways are not known", gateways=len(self._missing))
                return
            self._channel.send("masks-wanted", self._asked)
            await self._wait()
            await self._take()
            self._missing &= await self._living()

    async def _living(self) -> set[str]:
        return {name for name, _ in await self._channel.fetch(_PEERS, self._channel.gateway)}

    async def _share(self, masks: _Masks) -> None:
        text = msgspec.msgpack.encode(masks)
        peers = await self._channel.fetch(_PEERS, self._channel.gateway)
        ids = await self._insert([(name, seal(text, key, name)) for name, key in peers if key])
        give_up_at = asyncio.get_running_loop().time() + SECONDS_MAX
        try:
            while ids:
                self._channel.send("masks")
                await self._wait()
                left, refused = (await self._channel.fetch(_LEFT, ids))[0]
                if refused:
                    raise ApiError("RESOURCE_EXHAUSTED", "another gateway has as many masks as it may; try later")
                if not left:
                    return
                if asyncio.get_running_loop().time() > give_up_at:
                    raise ApiError("UNAVAILABLE", f"{left} gateways have not taken the masks; try again")
        finally:
            await self._channel.fetch(_TAKEN, ids)

    async def _insert(self, sealed: Sequence[tuple[str, bytes]]) -> list[int]:
        if not sealed:
            return []
        names, texts = zip(*sealed, strict=True)
        rows = await self._channel.fetch(_INSERT, self._channel.gateway, list(names), list(texts))
        return [row_id for (row_id,) in rows]

    async def _wait(self) -> None:
        """Return when another gateway has done something, or it is time to look."""
        try:
            async with asyncio.timeout(_REPEAT_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _take(self) -> None:
        """Take what others have left for this gateway."""
        async with self._taking:
            while rows := await self._channel.fetch(_MINE, self._channel.gateway):
                for row_id, sender, sealed in rows:
                    if not await self._learn(sender, sealed):
                        await self._channel.fetch(_REFUSED, row_id)
                await self._channel.fetch(f"{_TAKEN} AND sealed <> ''", [row[0] for row in rows])
        self._changed.set()
        self._channel.send("masked")

    async def _learn(self, sender: str, sealed: bytes) -> bool:
        try:
            masks = _decoder.decode(self._key.open(sealed, self._channel.gateway))
            for task_id, values in masks.tasks.items():
                await self._masks.learn(task_id, values)
        except (ValueError, msgspec.DecodeError, ApiError) as error:
            _log.warning("masks of another gateway cannot be taken", reason=str(error))
            return False
        if masks.answers and masks.answers == self._asked:
            self._missing.discard(sender)
        return True

    async def _answer(self, sender: str, asked: str) -> None:
        """Send all masks to a gateway that has just started; once, however often it asks."""
        if self._answered.get(sender) == asked:
            return
        self._answered = {sender: asked, **dict(list(self._answered.items())[:100])}
        keys = dict(await self._channel.fetch(_PEERS, self._channel.gateway))
        if sender not in keys:
            return
        known = {name: list(task.secrets) for name, task in self._masks.known.tasks.items()}
        names = list(known)
        parts = [names[start : start + _TASKS_PER_ROW] for start in range(0, len(names), _TASKS_PER_ROW)]
        for part in parts:
            await self._leave(sender, keys[sender], _Masks({name: known[name] for name in part}))
        await self._leave(sender, keys[sender], _Masks({}, asked))
        self._channel.send("masks")

    async def _leave(self, recipient: str, key: bytes, masks: _Masks) -> None:
        await self._insert([(recipient, seal(msgspec.msgpack.encode(masks), key, recipient))])

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._logged(work), name="shared-masks")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _logged(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StorageError as error:
            _log.warning("masks of other gateways wait for the database", reason=str(error))
