"""The files of a release: built by ``scripts.release``, and used where nothing else of the project is."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.release.__main__ import ROOT, build, sums
from scripts.release.sbom import bill_of_materials

MADE_AT = 1_767_225_600


@pytest.mark.slow
def test_what_is_built_runs_without_the_repository(tmp_path: Path) -> None:
    """The wheels have pages, stubs and every component; the commands of both packages start from them alone."""
    build(tmp_path / "dist", MADE_AT, has_javascript=False)
    installed = tmp_path / "installed"
    for wheel in (tmp_path / "dist").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(installed)
    assert (installed / "gateway" / "viewer" / "built" / "index.html").is_file()
    script = "import gateway, otto_logs, otto.logs.v1.logs_pb2 as stubs\n"
    script += "from gateway.components import COMPONENTS\n"
    script += "from gateway.commands.main import main\n"
    script += "import sys\nprint(gateway.__file__, otto_logs.__file__, stubs.__file__, len(COMPONENTS))\nmain()"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", script, "settings"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *files, components = done.stdout.splitlines()[0].split()
    assert [file for file in files if not file.startswith(str(installed))] == []
    assert int(components) >= 3
    assert "`OTLP_BYTES_MAX`" in done.stdout


@pytest.mark.slow
def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    """At any time, in any directory, by any user."""
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        build(folder, MADE_AT, has_javascript=False)
    assert sums(folders[0]) == sums(folders[1])
    assert len(sums(folders[0])) == 7


def test_the_bill_of_materials_names_what_is_needed_and_nothing_else() -> None:
    """What the gateway and its extras need, with versions and hashes; no tool of development."""
    text = bill_of_materials(ROOT / "requirements.lock", name="otto-log-gateway", version="0.1.0", made_at=MADE_AT)
    document = json.loads(text)
    components = {component["name"]: component for component in document["components"]}
    assert {"h2", "hpack", "starlette", "asyncpg", "opentelemetry-proto", "grpcio"} <= components.keys()
    assert not {"pytest", "mypy", "ruff", "hatchling"} & components.keys()
    assert all(
        component["hashes"] and component["purl"].endswith(component["version"]) for component in components.values()
    )
    assert document["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"
