"""Appends lines to a journal one by one, and prints how often its log had been synchronised when each was answered.

Run as ``python -m tests.support.durable_journal DATABASE DURABILITY SYNCS COUNT``.
"""

import asyncio
import json
import sys
from pathlib import Path

from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch


async def main(database: Path, durability: str, syncs: Path, count: int) -> None:
    log = f"{database.resolve()}-wal"
    journal = await SqliteJournal.open(database, durability="full" if durability == "full" else "process")
    seen = []
    for number in range(count):
        before = syncs.read_text().splitlines().count(log)
        await journal.append(batch(f"line {number}"))
        seen.append(syncs.read_text().splitlines().count(log) - before)
    print(json.dumps(seen), flush=True)
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
