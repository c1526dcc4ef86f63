"""What a database holds, read by somebody who has nothing to do with the gateway's own queries."""

import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zstandard

from tests.support.build_output import OutputLine

__all__ = ["Line", "Stored", "read_stored"]


class Line(msgspec.Struct, rename="camel"):
    """One stored line."""

    sequence: int
    worker_id: str
    level: str
    source: str
    message: str

    @property
    def output(self) -> OutputLine:
        return OutputLine(self.message, self.level, self.source)


@dataclass(frozen=True)
class Stored:
    """A task's lines in the order of the journal, its rows in ``job_logs``, and the epoch."""

    epoch: str
    lines: list[Line]
    rows: list[tuple[int, str]]


_decode = msgspec.json.Decoder(Line).decode


def read_stored(database: Path, task_id: str) -> Stored:
    """Read a database that nobody writes.

    Raises:
        AssertionError: the sequences have holes, or a chunk is not what its checksum says.
    """
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        epoch = connection.execute("SELECT value FROM journal_meta WHERE name = 'epoch'").fetchone()[0]
        rows = connection.execute("SELECT id, log_message FROM job_logs WHERE job_id = ? ORDER BY id", (task_id,))
        chunks = connection.execute(
            "SELECT codec, checksum, payload FROM journal_records JOIN journal_tasks USING (task_key) "
            "WHERE task_id = ? AND kind = 0 ORDER BY journal_records.first_sequence",
            (task_id,),
        )
        stored = Stored(epoch, [], rows.fetchall())
        for codec, checksum, payload in chunks:
            assert zlib.crc32(payload) == checksum
            text = zstandard.ZstdDecompressor().decompress(payload) if codec else payload
            stored.lines.extend(map(_decode, text.split(b"\n")))
    assert [line.sequence for line in stored.lines] == list(range(1, len(stored.lines) + 1))
    return stored
