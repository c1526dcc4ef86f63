import os
import sys
from pathlib import Path

import pytest

from components.automation.demonstration.stage import main

ENCODER = f"""#!{sys.executable} -IS
import os, sys
assert all(os.path.exists(sys.argv[sys.argv.index("-i") + 1] % number) for number in (1, 2, 3, 4))
open(sys.argv[-1], "wb").write(b"film")
"""


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program ``ffmpeg``, the only one that is installed; it does not encode."""
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "ffmpeg"
    path.write_text(ENCODER)
    return path


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_film_is_an_mp4_where_ffmpeg_is_installed(tmp_path: Path, encoder: Path, *, is_installed: bool) -> None:
    """And an animation elsewhere; what is published is the film."""
    encoder.chmod(0o755 if is_installed else 0o644)
    directory = tmp_path / "tasks" / "a"
    directory.mkdir(parents=True)
    assert [main(name, directory, {"title": "t"}) for name in ("script", "image", "video", "youtube")] == [0] * 4
    suffix = "mp4" if is_installed else "webp"
    assert (directory / f"output.{suffix}").exists()
    assert os.listdir(tmp_path / "tasks" / "published") == [f"a.{suffix}"]


def test_an_error_of_the_encoder_fails_the_stage(tmp_path: Path, encoder: Path) -> None:
    """With its exit code; nothing is published in its place."""
    encoder.write_text(f"#!{sys.executable} -IS\nraise SystemExit(1)\n")
    encoder.chmod(0o755)
    main("script", tmp_path, {"title": "t"})
    with pytest.raises(Exception, match="returned non-zero exit status 1"):
        main("video", tmp_path, {"title": "t"})
