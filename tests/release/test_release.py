"""The files of a release: built by ``scripts.release``, and used where nothing else of the project is."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts.release.__main__ import ROOT, archive, build, row, sums
from scripts.release.provenance import provenance
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
    assert len(sums(folders[0])) == 8


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


def test_an_archive_is_the_same_bytes_whenever_it_is_made(tmp_path: Path) -> None:
    """Times, owners and modes of the files do not matter, nor where the folder is."""
    for name, mode in (("a", 0o600), ("b", 0o644)):
        file = tmp_path / name / "deploy" / "file"
        file.parent.mkdir(parents=True)
        file.write_text("text")
        file.chmod(mode)
        os.utime(file, (len(name), mode))
        archive(file.parent, tmp_path / f"{name}.tar.gz", MADE_AT)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz") as packed:
        assert packed.getnames() == ["deploy/file"]


def test_the_provenance_names_files_commit_and_locks() -> None:
    """An in-toto statement with SLSA's predicate: what was made, of what, by which command."""
    statement = json.loads(provenance({"a.whl": "ab" * 32}, ROOT, commit="c" * 40, made_at=MADE_AT))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "a.whl", "digest": {"sha256": "ab" * 32}}]
    source, *locks = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": "c" * 40}
    assert {lock["name"] for lock in locks} >= {"requirements.lock", "clients/viewer/package-lock.json"}


def test_a_check_that_fails_is_a_row_of_the_table(tmp_path: Path) -> None:
    """The others are made all the same."""

    def fails(folder: Path) -> str:
        raise RuntimeError("no licence")

    assert row("twine", fails, tmp_path) == ("twine", False, "no licence")
    assert row("publint", lambda folder: "1 package", tmp_path) == ("publint", True, "1 package")
