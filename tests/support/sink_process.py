"""A process that copies generated records into a database until all are there: `python -m … DATABASE SEED RECORDS`."""

import asyncio
import sys

from storage.polling import PollingSink, PollingTable
from tests.support.record_list import RecordList


async def main(database: str, seed: int, records: int) -> None:
    journal = RecordList.generated(seed, records)
    table = await PollingTable.open(database)
    sink = PollingSink(journal, table, rows_max=50)
    sink.start()
    print("copying", flush=True)
    await sink.close(timeout_seconds=60)
    await table.close()
    print("copied", sink.statistics.rows, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
