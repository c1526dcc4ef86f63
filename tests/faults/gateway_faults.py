"""What is done to the life of the gateway and to its database: one deed after the other."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import socketio
from otto_logs import SyncLogProducer

from tests.faults.environment import TASK, Environment, Past, Victim
from tests.faults.known_lines import known_line
from tests.faults.stored import read_stored
from tests.support.backups import put_back, take_backup
from tests.support.event_stream import EventStream
from tests.support.socket_io_client import Recorder

__all__ = ["DEEDS", "do_deeds"]

CHUNK_LINES = 40
EARLY_KILL_SHARE = 0.4
"""Of the kills, how many are followed by another one while the gateway is still starting."""
READ_SECONDS_MAX = 60.0
OUTAGE_SECONDS = 60.0


async def do_deeds(environment: Environment) -> None:
    """All deeds of the plan, in an order drawn from the seed."""
    order = [name for name, count in environment.plan.deeds.items() for _ in range(count)]
    environment.deed_chance.shuffle(order)
    for name in order:
        await asyncio.sleep(environment.deed_chance.uniform(*environment.plan.lives_seconds))
        if environment.done[name] >= environment.plan.deeds[name]:
            continue  # a kill at a start has been counted already
        environment.say(name)
        await DEEDS[name](environment)
        environment.done[name] += 1
        environment.say(f"{name}: done")


async def kill(environment: Environment) -> None:
    """``kill -9`` of the gateway, now and then also of the one that has just been started."""
    environment.kill()
    while (
        environment.deed_chance.random() < EARLY_KILL_SHARE
        and environment.done["kill"] + 1 < environment.plan.deeds["kill"]
    ):
        environment.gateway.spawn()
        await asyncio.sleep(environment.deed_chance.uniform(0.0, 2.0))
        environment.kill()
        environment.done["kill"] += 1
    await environment.revive()


async def stop(environment: Environment) -> None:
    """SIGTERM; it ends by itself, within its limits."""
    code = await environment.gateway.stop()
    if code not in (0, 3):  # 3: a step was cut off, as it must be while the disk is full
        environment.findings.append(f"SIGTERM ended with {code}")
    await environment.revive()


async def restore(environment: Environment) -> None:
    """A backup is taken, the gateway continues, and the backup is put back."""
    database = environment.gateway.database
    async with environment.disk_use:
        backup = await asyncio.to_thread(take_backup, database, environment.directory)
    await asyncio.sleep(environment.deed_chance.uniform(*environment.plan.lives_seconds) + 0.5)
    async with environment.disk_use:
        environment.kill()
        past = await asyncio.to_thread(read_stored, database, TASK)
        kept = await asyncio.to_thread(read_stored, backup, TASK)
        environment.pasts.append(Past(past, len(kept.lines)))
        await asyncio.to_thread(put_back, backup, database)
        backup.unlink()
        await environment.revive()
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        epoch = connection.execute("SELECT value FROM journal_meta WHERE name = 'epoch'").fetchone()[0]
    if len(past.lines) > len(kept.lines) and epoch == past.epoch:
        environment.findings.append(
            f"{len(past.lines) - len(kept.lines)} lines were taken back, and the epoch stayed {epoch}"
        )


async def outage(environment: Environment) -> None:
    """The gateway is killed and stays away for a whole minute; its producers continue."""
    environment.gateway.kill()
    await asyncio.sleep(OUTAGE_SECONDS)
    await environment.revive()


async def damage(environment: Environment) -> None:
    """A byte in a stored chunk is changed while nobody looks; readers of that task are told, and nobody else."""
    task_id = f"damaged-{environment.done['damage']}"
    lines = [known_line(task_id, number).message for number in range(1, 3 * CHUNK_LINES + 1)]
    await asyncio.to_thread(_publish, environment.gateway.grpc_address, task_id, lines)
    async with environment.disk_use:
        environment.kill()
        damaged = await asyncio.to_thread(
            _flip, environment.gateway.database, task_id, environment.deed_chance.random()
        )
        await environment.revive()
    victim = Victim(task_id, lines, damaged)
    environment.victims.append(victim)
    async with asyncio.timeout(READ_SECONDS_MAX):
        await _read_damaged(environment, victim)


DEEDS: dict[str, Callable[[Environment], Awaitable[None]]] = {
    "kill": kill,
    "stop": stop,
    "restore": restore,
    "damage": damage,
    "outage": outage,
}


def _publish(address: str, task_id: str, lines: list[str]) -> None:
    with SyncLogProducer(address) as producer:
        for start in range(0, len(lines), CHUNK_LINES):
            for line in lines[start : start + CHUNK_LINES]:
                producer.log(task_id, "worker-1", line)
            producer.flush()  # so that each part is a commit, and a chunk
        producer.end_task(task_id)


def _flip(database: Path, task_id: str, place: float) -> range:
    """Change a byte of one of a task's chunks in the file; the sequences of its lines."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        chunks = connection.execute(
            "SELECT r.first_sequence, r.last_sequence, payload FROM journal_records r JOIN journal_tasks "
            "USING (task_key) WHERE task_id = ? AND kind = 0 ORDER BY record_id",
            (task_id,),
        ).fetchall()
    first, last, payload = chunks[int(place * len(chunks))]
    with database.open("r+b") as file:
        at = file.read().index(payload) + int(place * len(payload))
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x20]))
    return range(first, last + 1)


async def _connected(url: str) -> Recorder:
    """A Socket.IO client that tries again: the gateway may be stopped for seconds at this very moment."""
    while True:
        try:
            return await Recorder().connect(url)
        except socketio.exceptions.ConnectionError:
            await asyncio.sleep(0.2)


async def _read_damaged(environment: Environment, victim: Victim) -> None:
    """One reader on each transport is given the rest, and told what is missing."""
    gap = {"from": victim.damaged.start, "to": victim.damaged.stop - 1, "reason": "damaged"}
    whole = [message for number, message in enumerate(victim.messages, 1) if number not in victim.damaged]
    stream = EventStream(environment.gateway.stream_url(victim.task_id))
    while not stream.recording.is_complete:
        await stream.read()
        await asyncio.sleep(0.1)
    gaps = [notice.data for notice in stream.recording.notices if notice.name == "gap"]
    if (stream.recording.messages, gaps) != (whole, [gap]):
        environment.findings.append(
            f"SSE: {victim.task_id} with {gap}: {len(stream.recording.messages)} lines, gaps {gaps}"
        )
    recorder = await _connected(environment.gateway.websocket_url)
    await recorder.call("subscribe-to-logs", {"taskId": victim.task_id, "batch": True})
    await recorder.wait_for("log-complete")
    await recorder.close()
    messages = [entry["message"] for entries in recorder.named("log-entries") for entry in entries]
    gaps = [{name: told[name] for name in gap} for told in recorder.named("log-gap")]
    if (messages, gaps) != (whole, [gap]):
        environment.findings.append(f"Socket.IO: {victim.task_id} with {gap}: {len(messages)} lines, gaps {gaps}")
