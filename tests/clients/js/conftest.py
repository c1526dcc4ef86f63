"""The package as others get it."""

import subprocess
from pathlib import Path

import pytest

from tests.support.js_client import JS_PACKAGE, built_package
from tests.support.programs import program


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be published."""
    built_package()
    directory = tmp_path_factory.mktemp("packed")
    command = [program("npm"), "pack", "--silent", "--ignore-scripts", "--pack-destination", str(directory)]
    subprocess.run(command, cwd=JS_PACKAGE, check=True, capture_output=True)
    (path,) = directory.glob("otto-logs-*.tgz")
    return path


@pytest.fixture(scope="session")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of somebody else's with the package in it, made without any registry."""
    directory = tmp_path_factory.mktemp("project")
    command = [program("npm"), "install", "--silent", "--offline", "--no-audit", "--no-fund"]
    subprocess.run(
        [*command, "--cache", str(directory / "cache"), str(tarball)], cwd=directory, check=True, capture_output=True
    )
    modules = JS_PACKAGE / "node_modules"
    (directory / "node_modules/@types").mkdir()
    for name in ("socket.io-client", "react", "vue", "@types/react"):
        (directory / "node_modules" / name).symlink_to(modules / name)
    return directory
