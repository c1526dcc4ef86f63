"""How fast producers may continue, by how much waits for storage."""

from typing import Final, NamedTuple

from gateway.ingest.limits import IngestLimits

__all__ = ["CALM_SHARE", "FlowControl", "flow_control_of"]

CALM_SHARE: Final = 0.5
"""Up to this share of a limit no producer is throttled: a backlog lets a busy gateway make large commits."""


class FlowControl(NamedTuple):
    """What a producer receives: lines that may be in flight, and milliseconds to wait; 0: none."""

    credit_lines: int
    wait_ms: int


def flow_control_of(limits: IngestLimits, fullness: float, *, is_writable: bool = True) -> FlowControl:
    """The pace at a backlog of ``fullness``, where 1.0 is the limit at which the gateway stops reading.

    Between half of the limit and all of it, credit shrinks and the wait grows evenly, so that many producers meet a
    slow store by sending less rather than by standing still in turns. It follows the backlog down as well as up.
    """
    strain = 1.0 if not is_writable else min(1.0, max(0.0, (fullness - CALM_SHARE) / (1.0 - CALM_SHARE)))
    credit = max(limits.credit_lines_min, round(limits.inflight_lines_max * (1.0 - strain)))
    return FlowControl(min(credit, limits.inflight_lines_max), round(limits.wait_ms_max * strain))
