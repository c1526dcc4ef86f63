"""A program that sends numbered lines through a spool on disk and says which were accepted, to be killed meanwhile.

    python -m tests.support.spooling_program GATEWAY DIRECTORY TASK FIRST COUNT

It prints a line's number once ``log`` has returned, and ends when all are accepted and delivered.
"""

import os
import sys

from otto_logs import ProducerLimits, SyncLogProducer

__all__ = ["main"]


def main(gateway: str, directory: str, task: str, first: str, count: str) -> None:
    limits = ProducerLimits(
        batch_lines_max=50, linger_seconds=0.001, backoff_seconds=0.01, backoff_seconds_max=0.1, spool_bytes_max=65_536
    )
    producer = SyncLogProducer(gateway, limits=limits, spool_directory=directory)
    for number in range(int(first), int(first) + int(count)):
        producer.log(task, f"w{number % 3}", str(number))
        os.write(1, b"%d\n" % number)
    producer.close(60)
    os.write(1, b"delivered\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
