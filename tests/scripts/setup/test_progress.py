"""What is shown while tools work."""

import io
import os
import re
import sys
from pathlib import Path

import pytest

from scripts.setup import progress as module
from scripts.setup.progress import Amount, Progress, StepError


def test_each_step_has_its_number_and_its_time(tmp_path: Path) -> None:
    out = io.StringIO()
    progress = Progress(tmp_path / "log", 2, out=out)
    with progress.step("Things"):
        progress.run([sys.executable, "-c", "print('much')"])
    assert re.fullmatch(r"\[1/2\] Things …\n\[1/2\] Things: done, \d+ s\n", out.getvalue())
    assert "much" in (tmp_path / "log").read_text()


def test_progress_shows_how_far_a_command_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done of how much, where the tool tells both."""
    monkeypatch.setattr(module, "FIRST_SIGN_SECONDS", 0.05)
    out = io.StringIO()
    amount = Amount(re.compile("^Setting up"), re.compile(r"(\d+) newly"))
    # The command continues once the sign has been given that is waited for.
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            if "2 of 9" in text and "2 of 9" not in out.getvalue():
                fifo.write_text("go on")
            return out.write(text)

    progress = Progress(tmp_path / "log", 1, out=Out())
    with progress.step("Packages"):
        progress.run(["sh", "-c", f"echo 9 newly; echo Setting up a; echo Setting up b; cat {fifo}"], amount=amount)
    assert "[1/1] Packages: 2 of 9, " in out.getvalue()


def test_a_silent_end_is_shown_by_what_it_has_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip's, which names the packages when all of them are installed."""
    monkeypatch.setattr(module, "FIRST_SIGN_SECONDS", 0.05)
    fifo, out = tmp_path / "fifo", io.StringIO()
    os.mkfifo(fifo)

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            if "2 of 9 in place" in text and "in place" not in out.getvalue():
                fifo.write_text("go on")
            return out.write(text)

    amount = Amount(re.compile("^Collecting"), 9, re.compile("^Installing"), lambda: ["pip", "zstandard"])
    progress = Progress(tmp_path / "log", 1, out=Out())
    with progress.step("Packages"):
        progress.run(["sh", "-c", f"echo Collecting a; echo Installing a, b; cat {fifo}"], amount=amount)
    assert re.search(r"Packages: 2 of 9 in place, \d+ s \(zstandard\)", out.getvalue())


def test_a_failure_shows_the_last_words_without_noise(tmp_path: Path) -> None:
    """What failed, its error, and where the rest is; not what pip says of every place it looked at."""
    out = io.StringIO()
    progress = Progress(tmp_path / "log", 1, out=out)
    script = "print(\"WARNING: Location 'file:///x' is ignored\\nERROR: no such package\"); raise SystemExit(3)"
    with pytest.raises(StepError, match="ended with 3") as error, progress.step("Packages"):
        progress.run([sys.executable, "-c", script])
    assert "ERROR: no such package" in out.getvalue()
    assert "is ignored" not in out.getvalue().split("\n  $ ")[1].split("\n", 1)[1]
    assert str(tmp_path / "log") in str(error.value)


def test_a_program_that_is_not_there_fails_as_well(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "log", 1, out=io.StringIO())
    with pytest.raises(StepError, match="127"), progress.step("Nothing"):
        progress.run([str(tmp_path / "nothing")])
