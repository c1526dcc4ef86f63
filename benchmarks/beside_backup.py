"""What live subscribers notice while backups are taken, one after the other.

``python -m benchmarks.beside_backup``: a database of some 450 MB, filled as by ``beside_retention``; 100 readers of a
new task at 2,000 lines a second, in turn alone and beside ``otto-gateway backup``. Prints the latencies of each, how
long the backups took, and how large the write-ahead log became.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from benchmarks import native_programs
from benchmarks.beside_retention import fill, live
from tests.support.gateway_process import GatewayProcess, running_gateway

OLD_LINES = 2_600_000
"""With their rows, some 450 MB."""
RATE = 2_000
LINES = 24_000
ROUNDS = 3


async def main() -> None:
    """Take the rounds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--old-lines", type=int, default=OLD_LINES)
    options = parser.parse_args()
    native_programs.build()
    found: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as directory:
        await fill(Path(directory), options.old_lines)
        print(f"{sum(file.stat().st_size for file in Path(directory).glob('otto.db*')) / 1e6:.0f} MB", flush=True)
        for number in range(2 * ROUNDS):
            is_beside = number % 2 == 1
            async with running_gateway(Path(directory)) as gateway:
                backups = asyncio.create_task(back_up(gateway, Path(directory))) if is_beside else None
                result = await live(gateway, f"live-{number}-", lines=LINES, rate=RATE)
                if backups is not None:
                    backups.cancel()
                    with suppress(asyncio.CancelledError):
                        await backups
            found[is_beside].append(result["p99_ms"])
            print(
                f"{'beside backups' if is_beside else 'alone'}: p50 {result['p50_ms']:.1f} ms, "
                f"p99 {result['p99_ms']:.1f} ms",
                flush=True,
            )
    alone, beside = median(found[False]), median(found[True])
    print(f"p99 {alone:.1f} ms alone, {beside:.1f} ms beside backups: {beside / alone:.2f} times (medians of {ROUNDS})")


async def back_up(gateway: GatewayProcess, directory: Path) -> None:
    """Take backups until cancelled."""
    number = 0
    while True:
        number += 1
        copy = directory / f"copy-{number}.db"
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("otto-gateway"), "backup", str(copy)),
            env={**os.environ, "DATABASE_URL": f"sqlite:///{gateway.database}"},
        )
        log_bytes = 0
        try:
            while process.returncode is None:
                log_bytes = max(log_bytes, Path(f"{gateway.database}-wal").stat().st_size)
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 0.1)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise SystemExit("a backup failed")
        print(f"  {time.monotonic() - started:.1f} s, write-ahead log up to {log_bytes / 1e6:.0f} MB", flush=True)
        copy.unlink()


if __name__ == "__main__":
    asyncio.run(main())
