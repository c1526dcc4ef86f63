"""What holds for every test."""

import asyncio
import functools
import os
import signal

import httpcore2
from hypothesis import HealthCheck, settings

# pytest-asyncio asks for the current loop before it sets its own. Where no test had one yet, Python makes a loop that
# nobody closes, and the warning about it fails the run; told that there is none, it makes none.
asyncio.set_event_loop(None)

# Debug mode remembers for each future, callback and task where it was made. With ten frames, each looked up in its
# file, that is two fifths of the time of a test with a gateway in it; three say where as well.
asyncio.constants.DEBUG_STACK_DEPTH = 3

# Every new client reads all certificates of the machine (30 ms of CPU), which no test trusts.
httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A test that draws its examples is given no time limit for each: the machine may be busy. It draws the same ones every
# time, so that what fails is what was changed.
settings.register_profile("repository", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# HYPOTHESIS_PROFILE=long, as in `make model`: others every time, and many more in tests that know it.
settings.register_profile("long", settings.get_profile("repository"), derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repository"))
