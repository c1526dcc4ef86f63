"""What holds for every test."""

import asyncio

from hypothesis import HealthCheck, settings

# pytest-asyncio asks for the current loop before it sets its own. Where no test had one yet, Python makes a loop that
# nobody closes, and the warning about it fails the run; told that there is none, it makes none.
asyncio.set_event_loop(None)

# A test that draws its examples is given no time limit for each: the machine may be busy.
settings.register_profile("repository", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repository")
