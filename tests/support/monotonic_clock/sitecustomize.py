"""Python's monotonic clock, started at another time: the real one counts from the machine's boot.

Python imports this before anything else where this directory is on ``PYTHONPATH``. ``MONOTONIC_STARTS_AT=0`` runs a
program as in the first minutes after a boot, ``1e9`` as after thirty years; its children in Python have the same clock.
Waits are told durations, so that they last as long as ever.
"""

import os
import time

_monotonic, _monotonic_ns = time.monotonic, time.monotonic_ns

if "MONOTONIC_STARTS_AT" in os.environ:
    # What the first process starts with is what its children continue with.
    os.environ.setdefault("MONOTONIC_SHIFT", repr(float(os.environ["MONOTONIC_STARTS_AT"]) - _monotonic()))
    _shift = float(os.environ["MONOTONIC_SHIFT"])
    time.monotonic = lambda: _monotonic() + _shift
    time.monotonic_ns = lambda: _monotonic_ns() + round(_shift * 1e9)
