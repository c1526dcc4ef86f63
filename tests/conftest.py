"""What holds for every test."""

import asyncio

import hypothesis  # noqa: F401 - or its plugin imports it at the end, too deep in the stack

# pytest-asyncio asks for the current loop before it sets its own. Where no test had one yet, Python makes a loop that
# nobody closes, and the warning about it fails the run; told that there is none, it makes none.
asyncio.set_event_loop(None)
