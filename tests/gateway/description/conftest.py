"""The gateway of the tests of the process."""

from tests.gateway.process.conftest import gateway, http, settings

__all__ = ["gateway", "http", "settings"]
