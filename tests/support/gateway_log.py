"""What a gateway's log must not hold, whatever was sent to it."""

__all__ = ["trouble"]

SIGNS = ("Traceback", '"level": "error"', '"level": "critical"', "[error", "[critical", "Fatal", "Task exception")


def trouble(log: str) -> list[str]:
    """The lines of a log that tell of an error of the gateway's own."""
    return [line[:4000] for line in log.splitlines() if any(sign in line for sign in SIGNS)]
