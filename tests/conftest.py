"""What holds for every test."""

import asyncio
import functools
import logging
import os
import random
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpcore2
import httpx2
import pytest
from hypothesis import HealthCheck, settings

from tests.support.waiting import WAIT_SECONDS_MAX

if TYPE_CHECKING:
    from tests.support.postgres_server import PostgresServer

# pytest-asyncio asks for the current loop before it sets its own. Where no test had one yet, Python makes a loop that
# nobody closes, and the warning about it fails the run; told that there is none, it makes none.
asyncio.set_event_loop(None)

# Debug mode remembers for each future, callback and task where it was made: callbacks with ten frames, futures and
# tasks with all, pytest's fifty among them, each looked up in its file. Three say where as well. Callbacks took two
# fifths of the time of a test with a gateway in it, futures and tasks a sixth. (The C code of these calls the function
# that it found when it was imported, but with the default that it has now.)
asyncio.constants.DEBUG_STACK_DEPTH = 3
traceback.extract_stack.__defaults__ = (None, 3)

# Every new client reads all certificates of the machine (30 ms of CPU), which no test trusts.
httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)

# Where the machine has no Node.js that is new enough, there is one beside this Python.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The library waits 5 s for a connection or an answer where nothing else is said; a busy machine takes longer.
for client in (httpx2.Client, httpx2.AsyncClient):
    client.__init__.__kwdefaults__["timeout"] = httpx2.Timeout(WAIT_SECONDS_MAX)

# asyncio warns of each step of a loop that took 0.1 s: on a busy machine that says nothing, and it is no part of a log.
logging.getLogger("asyncio").addFilter(lambda record: record.msg != "Executing %s took %.3f seconds")

# A test that draws its examples is given no time limit for each: the machine may be busy. It draws the same ones every
# time, so that what fails is what was changed.
settings.register_profile("repository", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# --hypothesis-profile=fast, as in `make test-fast`: fewer of them.
settings.register_profile("fast", settings.get_profile("repository"), max_examples=20)
# HYPOTHESIS_PROFILE=long, as in `make model`: others every time, and many more in tests that know it.
settings.register_profile("long", settings.get_profile("repository"), derandomize=False, print_blob=True)
# `make mutants` runs each test hundreds of times.
settings.register_profile("mutants", settings.get_profile("repository"), max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repository"))

# At the end of a run no worker should be left alone with a test of a minute. Groups of xdist begin before all others.
_LONGEST = tuple(
    f"tests/{name}"
    for name in ("faults/", "integration/", "gateway/interface_docs/", "canary/", "model/", "clients/", "components/")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--order-seed``."""
    parser.addoption(
        "--order-seed", type=int, help="run directories, files and tests in an order that this number gives"
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what repeats the order."""
    seed = config.getoption("order_seed")
    return None if seed is None else f"order: --order-seed={seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL; begin with what takes long, or shuffle.

    Shuffled, what shares fixtures stays together: the tests of a file, and the files of a directory. Each name has its
    place by itself, so that the order is the same in every process of xdist, and the same between any two tests
    whatever else was selected.
    """
    for item in items:
        drawn = getattr(item, "callspec", None)
        if "postgres" in getattr(item, "fixturenames", ()) or (drawn and "postgres" in drawn.params.values()):
            item.add_marker("servers")
    seed = config.getoption("order_seed")
    if seed is None:
        items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
        return

    def place(item: pytest.Item) -> list[float]:
        parents = [parent.nodeid for parent in item.listchain()]
        return [random.Random(f"{seed} {name}").random() for name in parents]

    items.sort(key=place)


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """A server for all tests that need one; each of them takes a schema of it."""
    from tests.support.postgres_server import PostgresServer

    server = PostgresServer()
    try:
        server.start()
        server.wait_ready()
        yield server
    finally:
        server.close()
