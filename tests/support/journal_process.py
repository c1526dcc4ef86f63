"""A process that appends to a journal until it is killed: `python -m … JOURNAL FIRST` prints each stored number.

It sends the batches ``FIRST``, ``FIRST + 1``, … of one producer, several at a time, each with the lines ``lines_of``.
"""

import asyncio
import sys
from collections import deque
from pathlib import Path

from storage.journal.interface import Receipt
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, number

__all__ = ["lines_of"]

_IN_FLIGHT_MAX = 8


def lines_of(value: int) -> list[str]:
    """The lines of one batch, some of them long."""
    return [f"{value}.{index} {'빌드 ' * (value % 50)}" for index in range(1 + value % 40)]


async def main(path: str, first: int) -> None:
    journal = await SqliteJournal.open(Path(path), commit_bytes_max=20_000)
    in_flight: deque[tuple[int, asyncio.Future[Receipt]]] = deque()
    for value in range(first, 1_000_000):
        in_flight.append((value, journal.append(batch(*lines_of(value), producer=number(value)))))
        if len(in_flight) >= _IN_FLIGHT_MAX:
            stored, future = in_flight.popleft()
            await future
            print(stored, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
