"""How an empty system is asked to reach packages as this machine does."""

from pathlib import Path

import pytest

from scripts.fresh.host import apt_sources, mirror, variables

SOURCES = """Types: deb
# a comment
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://other.invalid/node
Suites: nodistro
Components: main
"""


def test_only_debian_s_own_sources_are_taken(tmp_path: Path) -> None:
    """Another vendor's would bring what a bare machine does not have."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(SOURCES)
    (tmp_path / "sources.list").write_text("deb https://vendor.invalid/apt vendor main\n")
    sources = apt_sources("bookworm", tmp_path)
    assert sources.splitlines() == [
        "deb http://mirror.invalid/debian bookworm main",
        "deb http://mirror.invalid/debian bookworm-updates main",
    ]
    assert mirror(sources, "bookworm") == ["http://mirror.invalid/debian"]


def test_one_line_sources_are_taken_too(tmp_path: Path) -> None:
    """With their options; what is commented out stays out."""
    line = "deb [trusted=yes] http://mirror.invalid/debian bookworm main"
    (tmp_path / "sources.list").write_text(f"# deb http://no.invalid bookworm main\n{line}\n")
    assert apt_sources("bookworm", tmp_path) == f"{line}\n"
    assert mirror(apt_sources("bookworm", tmp_path), "bookworm") == ["http://mirror.invalid/debian"]
    assert mirror("", "bookworm") == []


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        *((name, True) for name in ("PIP_CERT", "https_proxy", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")),
        *((name, False) for name in ("HOME", "MY_TOKEN", "PYTHONDONTWRITEBYTECODE")),
    ],
)
def test_variables_of_package_clients_are_taken(name: str, is_taken: bool) -> None:
    """And nothing else: the environment may have secrets."""
    assert variables({name: "value"}) == ({name: "value"} if is_taken else {})
