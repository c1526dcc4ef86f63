"""A plugin for pytest: writes down which tests failed and why others were skipped, to the file in its environment."""

import json
import os
from pathlib import Path

import pytest

__all__ = ["REPORT", "pytest_configure"]

REPORT = "OTTO_PYTEST_REPORT"
"""The environment variable with the path of the file; it has ``passed``, ``failed`` and ``skipped``."""


class Recorder:
    """Remembers what was reported; with workers, in the process that started them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passed: set[str] = set()
        self._failed: dict[str, None] = {}
        self._skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test."""
        if report.failed:
            self._failed[report.nodeid] = None
        elif report.skipped and not hasattr(report, "wasxfail"):
            self._skipped[report.nodeid] = _reason(report)
        elif report.passed and report.when == "call":
            self._passed.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported, or is skipped as a whole."""
        if report.failed:
            self._failed[report.nodeid] = None
        elif report.skipped:
            self._skipped[report.nodeid] = _reason(report)

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        content = {
            "passed": len(self._passed - self._failed.keys()),
            "failed": list(self._failed),
            "skipped": list(self._skipped.values()),
        }
        self._path.write_text(json.dumps(content), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Take part where a report is wanted, and not in the workers."""
    if REPORT in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(os.environ.pop(REPORT))))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):  # path, line, reason
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext
