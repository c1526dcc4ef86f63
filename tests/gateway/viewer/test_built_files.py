"""The files of a build: which are taken, and how they are kept."""

import gzip
from pathlib import Path

import pytest

from gateway.viewer.built_files import BuiltFile, built_files


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets/index-1a2b.js").write_text("let a = 1\n" * 500)
    (tmp_path / "assets/font-3c4d.woff2").write_bytes(bytes(range(256)) * 8)
    return tmp_path


def test_a_build_is_its_page_and_its_assets(directory: Path) -> None:
    """Other files beside them are not served."""
    (directory / ".vite").mkdir()
    (directory / ".vite/manifest.json").write_text("{}")
    (directory / "assets/index-1a2b.js.map").write_text("{}")
    assert list(built_files(directory)) == ["index.html", "assets/font-3c4d.woff2", "assets/index-1a2b.js"]


def test_without_a_page_there_is_no_build(tmp_path: Path) -> None:
    """A directory that is missing, or was left half built, has nothing."""
    (tmp_path / "assets").mkdir()
    assert built_files(tmp_path) == {}
    assert built_files(tmp_path / "nowhere") == {}


def test_a_file_is_packed_where_that_saves_something(directory: Path) -> None:
    """What is short, or packed already, is sent as it is."""
    files = built_files(directory)
    script = files["assets/index-1a2b.js"]
    assert script.compressed is not None
    assert gzip.decompress(script.compressed) == script.content
    assert files["index.html"].compressed is None


def test_a_tag_changes_with_the_content() -> None:
    """And with nothing else."""
    one, same, other = (BuiltFile.of("a.js", content) for content in (b"1", b"1", b"2"))
    assert one.tag == same.tag != other.tag
