"""What a spool on disk writes, and what it does while the directory does not take it."""

from pathlib import Path

import pytest
from otto_logs._segments import SegmentLog
from otto_logs._spool import Address
from otto_logs._spool_writer import SpoolWriter
from otto_logs._statistics import ProblemKind
from otto_logs._values import Level, Source

ADDRESS = Address("build-7", "worker-1")


class Bench:
    def __init__(self, directory: Path) -> None:
        self.now = 100.0
        self.log = SegmentLog(directory, 1 << 20, lambda: b"{}", durable=False)
        self.writer = SpoolWriter(directory, self.log, lambda: self.now)

    def line(self, address: Address = ADDRESS) -> int | None:
        written = self.writer.write_line(address, b"text", 1, Level.INFO, Source.STDOUT, None, self.now, None)
        return None if written is None else written[0]


def test_lines_have_ordinals_and_addresses_are_written_once(tmp_path: Path) -> None:
    """Each address has a number in its segment."""
    bench = Bench(tmp_path)
    assert [bench.line(), bench.line(), bench.line(Address("build-8", "worker-1"))] == [1, 2, 3]
    assert bench.writer.addresses() == {1: ADDRESS, 2: Address("build-8", "worker-1")}


def test_a_directory_that_cannot_be_written_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again after a second, or at once where there may be room."""
    bench = Bench(tmp_path)
    bench.line()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(bench.log, "append", refuse)
        assert bench.line() is None
    assert (bench.writer.is_failing, bench.line()) == (True, None)
    bench.now += 1
    assert (bench.line(), bench.writer.is_failing) == (2, False)
    assert [problem.kind for problem in bench.writer.problems] == [ProblemKind.UNWRITABLE]


def test_a_closed_writer_writes_nothing(tmp_path: Path) -> None:
    """As in the child of a fork, to which the files do not belong."""
    bench = Bench(tmp_path)
    bench.writer.close()
    assert (bench.line(), bench.writer.write_item(b"item"), bench.writer.write_kept(1, b"item")) == (None, None, False)
    assert list(tmp_path.iterdir()) == []
