"""Debian packages, installed by a stand-in for apt-get."""

import io
import os
import subprocess
from pathlib import Path

import pytest

from scripts.setup.apt import install
from scripts.setup.progress import Progress, StepError

APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND apt-get $*; may start services: $(cat {policy} 2>&1 | tail -1)" >>{calls}
case "$*" in *broken*) exit 100;; esac
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    policy = tmp_path / "policy-rc.d"
    apt = tmp_path / "apt-get"
    apt.write_text(APT.format(policy=policy, calls=tmp_path / "calls"))
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return policy


def progress(directory: Path) -> Progress:
    return Progress(directory / "log", 1, out=io.StringIO())


def test_no_service_starts_while_packages_are_installed(policy: Path) -> None:
    """The policy forbids it (101) as long as apt works, and is gone afterwards."""
    install(["nginx", "sqlite3"], "root", progress(policy.parent), policy=policy)
    update, installed = (policy.parent / "calls").read_text().splitlines()
    assert "update; may start services: exit 101" in update
    assert installed.startswith("noninteractive apt-get -q ")
    assert "install -y --no-install-recommends nginx sqlite3; may start services: exit 101" in installed
    assert not policy.exists()


def test_the_policy_goes_where_apt_fails(policy: Path) -> None:
    with pytest.raises(StepError):
        install(["broken"], "root", progress(policy.parent), policy=policy)
    assert not policy.exists()


def test_a_policy_of_the_machine_stays(policy: Path) -> None:
    """It is somebody's decision."""
    policy.write_text("#!/bin/sh\nexit 0\n")
    install(["nginx"], "root", progress(policy.parent), policy=policy)
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_policy_can_be_run(policy: Path) -> None:
    """A file without the right to be executed would be ignored."""
    apt = policy.parent / "apt-get"
    apt.write_text(f"#!/bin/sh\n{policy}\ntest $? = 101\n")
    install(["nginx"], "root", progress(policy.parent), policy=policy)
    assert subprocess.run([str(apt)], check=False).returncode != 0
