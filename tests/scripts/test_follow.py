"""The commands that ``make follow`` takes from the documentation, and the image that ``make image`` makes."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.fresh.containerfile import FailedError, build
from scripts.fresh.follow import PAGE, blocks, script


def test_the_page_has_every_step_as_a_block_that_a_shell_can_read() -> None:
    """From Debian's packages to a line in the page; nothing between the marks is lost."""
    found = blocks(PAGE.read_text())
    assert len(found) == PAGE.read_text().count("<!-- follow:") >= 8
    for title, command in found:
        done = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), title


def test_only_marked_blocks_are_taken_letter_by_letter() -> None:
    """A block without a mark is for people; the text of one with a mark is not changed."""
    page = "```bash\nrm x\n```\n<!-- follow: a step -->\n```bash\necho 'a' \\\n  b\n```\n"
    assert blocks(page) == [("a step", "echo 'a' \\\n  b\n")]


def test_steps_share_one_shell_and_end_at_the_first_failure() -> None:
    """A variable of one step is there in the next, and what follows a failure is not run."""
    done = subprocess.run(
        ["bash", "-c", script(["word=hello", "echo $word", "false", "echo never"])], capture_output=True, text=True
    )
    assert done.returncode == 1
    lines = list(filter(None, done.stdout.splitlines()))
    assert [line.split()[:2] for line in lines] == [["@@", "0"], ["hello"], ["@@", "1"]]


@dataclass
class RecordedCopy:
    """Stands in for a copy of Debian."""

    path: Path
    commands: list[tuple[str, str]] = field(default_factory=list)

    def run(self, command: str, *, directory: str = "/") -> "subprocess.CompletedProcess[str]":
        self.commands.append((directory, command))
        return subprocess.CompletedProcess(command, int("fail" in command), "")


def made(tmp_path: Path, text: str) -> tuple[object, dict[str, RecordedCopy]]:
    copies: dict[str, RecordedCopy] = {}

    def start(image: str, stage: str) -> RecordedCopy:
        (tmp_path / stage).mkdir()
        return copies.setdefault(stage, RecordedCopy(tmp_path / stage))

    context = tmp_path / "context"
    (context / "folder").mkdir(parents=True)
    (context / "folder" / "file").write_text("text")
    return build(text, context, start), copies  # type: ignore[arg-type]


def test_a_containerfile_is_done_as_an_engine_does_it(tmp_path: Path) -> None:
    """Folders are copied by their contents, stages take from one another, commands see directory and variables."""
    stage, copies = made(
        tmp_path,
        "ARG BASE=one\nFROM ${BASE} AS first\nWORKDIR /src\nCOPY folder new\nRUN make \\\n  all\n"
        'FROM two\nCOPY --from=first /src/new/file /opt/\nENV A=1 PATH=/x:$PATH\nRUN show\nUSER 7:7\nCMD ["serve"]\n',
    )
    assert copies["first"].commands == [("/src", "make all")]
    assert (tmp_path / "image/opt/file").read_text() == "text"
    assert copies["image"].commands[0][1].startswith("export A=1 PATH=/x:/usr/local/sbin:")
    assert (stage.user, stage.command) == ("7:7", ["serve"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["FROM a\nRUN fail", "FROM a\nONBUILD x", "RUN x"])
def test_a_step_that_fails_or_is_not_known_ends_the_build(tmp_path: Path, text: str) -> None:
    """Nothing is passed over."""
    with pytest.raises(FailedError):
        made(tmp_path, text)
