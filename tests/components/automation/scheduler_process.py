"""A scheduler whose stages fail at random, to be killed: ``DATABASE DIRECTORY SEED``; retries come at once."""

import asyncio
import sys
from pathlib import Path

from components.automation.scheduler import Scheduler
from components.automation.stages import Stage
from components.automation.tables import AutomationDatabase, repository

_STAGE = """
import fcntl, os, random, sys, time
directory, kind, seed = sys.argv[1:]
held = open(os.path.join(directory, "..", kind + ".running"), "w")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    open(os.path.join(directory, "..", "overlap"), "a").write(kind + "\\n")
chance = random.Random(seed + directory + kind + str(os.getpid()))
print("works", flush=True)
time.sleep(chance.random() * 0.05)
sys.exit(chance.random() < 0.15)
"""


if __name__ == "__main__":
    location, directory, seed = sys.argv[1:]
    repository.RETRY_SECONDS = (0,)  # type: ignore[misc]
    stages = {
        kind: Stage((sys.executable, "-S", "-c", _STAGE, "{directory}", kind, seed), 30.0, 1.0)
        for kind in ("script", "image", "video", "youtube")
    }
    asyncio.run(Scheduler(AutomationDatabase(Path(location)), stages, Path(directory), expiry_seconds=2).run())
