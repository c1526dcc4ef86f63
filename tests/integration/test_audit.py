"""``make audit``, with tools in the place of those that ask the advisory services."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
CLEAN = {"dependencies": [{"name": "x", "version": "1", "vulns": []}], "vulnerabilities": {}}
PYTHON = {"dependencies": [{"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}
NODE = {"vulnerabilities": {"y": {"severity": "high", "range": "<2"}}}


@pytest.mark.parametrize(
    ("uvx", "npm", "code", "text"),
    [
        (CLEAN, CLEAN, 0, "nothing is known against"),
        (PYTHON, CLEAN, 1, "x 1: CVE-1, mended in 2"),
        (CLEAN, NODE, 1, "tests/node: y: high, <2"),
        (PYTHON, None, 1, "CVE-1"),
        (None, CLEAN, 75, "cannot be reached"),
        (CLEAN, {"error": "405"}, 75, "cannot be reached"),
    ],
)
def test_the_exit_code_tells_what_is_known(tmp_path: Path, uvx: object, npm: object, code: int, text: str) -> None:
    """Advisories, none, or that nobody could be asked."""
    for name, report in (("uvx", uvx), ("npm", npm)):
        (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(report) if report else 'no'}\nEND\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run([sys.executable, SCRIPT], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, text in done.stdout) == (code, True), done.stdout
