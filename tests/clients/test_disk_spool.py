import errno
import os
from collections.abc import Iterator
from pathlib import Path

import otto_logs._segments as segments
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otto.logs.v1 import logs_pb2
from otto_logs import Durability, Level, ProblemKind, ProducerLimits, Source
from otto_logs._disk_spool import DiskSpool
from otto_logs._spool import Address, SpoolUnwritableError

ADDRESS = Address("t", "w")
SMALL = ProducerLimits(spool_bytes_max=65_536, spool_disk_bytes_max=262_144)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(directory: Path, limits: ProducerLimits = SMALL, clock: Clock | None = None) -> DiskSpool:
    directory.mkdir(exist_ok=True)
    return DiskSpool(directory, limits, "p", clock=clock or Clock())


def add(spool: DiskSpool, *texts: str, address: Address = ADDRESS) -> None:
    for text in texts:
        spool.append_line(address, text.encode(), 1, Level.WARN, Source.STDERR, {"k": text[:3]}, 0.0)


def sent(spool: DiskSpool) -> Iterator[logs_pb2.PublishRequest]:
    while (request := spool.next_request(1_000)) is not None:
        yield logs_pb2.PublishRequest.FromString(request.data)


def drained(spool: DiskSpool) -> list[str]:
    """Everything that is left, acknowledged as it comes."""
    texts = []
    for request in sent(spool):
        texts += [line.message.decode() for line in request.lines.lines]
        spool.acknowledge(request.number)
    return texts


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.segment"))


def test_a_line_comes_back_as_it_was(tmp_path: Path) -> None:
    """Message, time, level, source, metadata and worker, in the life after."""
    spool = opened(tmp_path)
    spool.append_line(ADDRESS, b"\xff\n\xf5OL\x1e", 7, Level.FATAL, Source.STDERR, {"k": "ü"}, 0.0)
    spool.append_item(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="t")))

    first, second = sent(opened(tmp_path))

    assert (first.lines.task_id, first.lines.worker_id) == ADDRESS
    line = first.lines.lines[0]
    assert (line.message, line.time_unix_nano, line.level, line.source) == (b"\xff\n\xf5OL\x1e", 7, 6, 2)
    assert dict(line.metadata) == {"k": "ü"}
    assert (second.number, second.end_of_task.task_id) == (2, "t")


def test_a_request_that_was_sent_has_its_number_and_content_in_the_next_life(tmp_path: Path) -> None:
    """The gateway may have stored it, and knows it by its number alone."""
    spool = opened(tmp_path)
    add(spool, "one", "two")
    before = spool.next_request(1)
    add(spool, "three")

    after = opened(tmp_path)
    again = after.next_request(1_000)

    assert before is not None
    assert again is not None
    assert again.data == before.data
    assert after.producer_id == "p"
    assert after.acknowledge(1) == 1
    assert drained(after) == ["two", "three"]


def test_what_is_acknowledged_is_gone_for_good(tmp_path: Path) -> None:
    """Also for a gateway with another journal; what is left is numbered anew, and the next life knows that."""
    spool = opened(tmp_path)
    add(spool, "one")
    spool.next_request(1)
    spool.acknowledge(1)
    add(spool, "two")

    after = opened(tmp_path)

    assert after.lines_waiting == 1
    assert after.rewind(0) is False
    after.renumber("q")
    assert [request.number for request in sent(after)] == [1]
    third = opened(tmp_path)
    assert (third.producer_id, third.rewind(0)) == ("q", True)
    assert drained(third) == ["two"]


def test_files_are_deleted_with_what_is_in_them(tmp_path: Path) -> None:
    """A spool through which much has gone is small, and an empty one that is closed is gone."""
    spool = opened(tmp_path)
    for round_number in range(30):
        add(spool, *(f"{round_number} {index}".ljust(1_000) for index in range(20)))
        assert len(drained(spool)) == 20

    assert len(files(tmp_path)) <= 2
    spool.close()
    assert files(tmp_path) == []


def test_more_fits_on_disk_than_in_memory(tmp_path: Path) -> None:
    """Memory holds the front; the rest is read when its turn comes, in order."""
    spool = opened(tmp_path)
    texts = [str(index).ljust(1_000) for index in range(200)]
    add(spool, *texts)

    assert spool.bytes_in_memory <= 65_536
    assert spool.lines_waiting == 200
    assert drained(spool) == texts
    assert spool.is_empty


def test_a_full_spool_says_so_and_drops_the_oldest(tmp_path: Path) -> None:
    """A gap stands in their place, with the exact count; what was sent stays."""
    spool = opened(tmp_path)
    add(spool, "sent")
    spool.next_request(1)
    dropped = 0
    for index in range(1_000):
        if not spool.has_room(1_000):
            dropped += spool.drop_oldest(1_000)
        add(spool, str(index).ljust(1_000))

    assert spool.bytes_waiting <= SMALL.spool_disk_bytes_max
    after = opened(tmp_path)
    texts = drained(after)
    assert texts[:2] == ["sent", f"otto-logs: dropped {dropped} lines here because the spool was full"]
    assert [int(text) for text in texts[2:]] == list(range(dropped, 1_000))


def test_statuses_survive_the_dropping_of_lines(tmp_path: Path) -> None:
    """They keep their place between the lines, and hold up no file."""
    spool = opened(tmp_path)
    spool.append_item(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="first")))
    for index in range(1_000):
        spool.drop_oldest(1_000)
        add(spool, str(index).ljust(1_000))
        if index == 500:
            spool.append_item(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="middle")))

    requests = list(sent(opened(tmp_path, ProducerLimits(spool_disk_bytes_max=10**7))))

    assert [request.end_of_task.task_id for request in requests if request.HasField("end_of_task")] == [
        "first",
        "middle",
    ]
    assert requests[0].HasField("end_of_task")


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_file_that_is_cut_anywhere_has_all_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """As after the loss of power: no error, no line that was not written, none out of order."""
    directory = tmp_path_factory.mktemp("cut")
    spool = opened(directory)
    texts = [str(index) for index in range(data.draw(st.integers(1, 60)))]
    ends = []
    for text in texts:
        add(spool, text)
        ends.append(files(directory)[-1].stat().st_size)
    cut = data.draw(st.integers(0, ends[-1]))
    os.truncate(files(directory)[-1], cut)

    after = opened(directory)

    assert drained(after) == [text for text, end in zip(texts, ends, strict=True) if end <= cut]
    assert after.is_empty


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_damaged_byte_costs_the_record_that_it_is_in(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Lines that cannot be read are counted in the log, at their place; the others come, once and in order."""
    directory = tmp_path_factory.mktemp("damage")
    spool = opened(directory)
    texts = [str(index).rjust(50) for index in range(100)]
    add(spool, *texts)
    path = files(directory)[0]
    content = bytearray(path.read_bytes())
    start = content.index(texts[0].encode())  # the snapshot and the address are before it
    place = data.draw(st.integers(start, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)

    after = opened(directory)
    found = drained(after)

    lost = [text for text in texts if text not in found]
    assert len(lost) == 1
    if lost == texts[-1:]:  # nothing after it tells that it was a line
        assert found == texts[:-1]
    else:
        index = texts.index(lost[0])
        gap = "otto-logs: 1 line missing here because the spool's file was damaged"
        assert found == [*texts[:index], gap, *texts[index + 1 :]]
        assert after.lines_damaged == 1
        assert {problem.kind for problem in after.take_problems()} == {ProblemKind.DAMAGED}


@pytest.mark.parametrize("is_torn", [False, True])
def test_damage_at_the_end_is_said_and_a_torn_record_is_not(tmp_path: Path, is_torn: bool) -> None:
    """A record that was never finished was never accepted; one that was finished and cannot be read is lost."""
    spool = opened(tmp_path)
    add(spool, "one", "two")
    path = files(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content[:-1] if is_torn else content)

    after = opened(tmp_path)

    assert [problem.kind for problem in after.take_problems()] == ([] if is_torn else [ProblemKind.DAMAGED])
    assert drained(after) == ["one"]


def test_a_damaged_beginning_costs_what_was_known_and_no_line(tmp_path: Path) -> None:
    """Without the ledger, all lines that can be read are delivered, some perhaps again, which is said."""
    spool = opened(tmp_path)
    add(spool, "one", "two".ljust(20_000))
    spool.next_request(1)
    spool.acknowledge(1)
    add(spool, "three")  # in another file: the first one is full
    second = files(tmp_path)[1]
    content = bytearray(second.read_bytes())
    content[20] ^= 1
    files(tmp_path)[0].unlink()
    second.write_bytes(content)

    after = opened(tmp_path)

    assert after.lines_damaged == 0
    assert any("delivered twice" in problem.message for problem in after.take_problems())
    assert after.rewind(1)
    assert [request.number for request in sent(after)] == [2]


def test_a_file_that_is_gone_is_counted(tmp_path: Path) -> None:
    """Whatever somebody deletes, the rest is delivered, and what is missing is said."""
    spool = opened(tmp_path)
    texts = [str(index).ljust(1_000) for index in range(100)]
    add(spool, *texts)
    files(tmp_path)[2].unlink()

    after = opened(tmp_path)
    found = drained(after)

    gap = next(text for text in found if "missing here" in text)
    assert after.lines_damaged > 10
    assert f" {after.lines_damaged} lines missing" in gap
    assert len(found) - 1 + after.lines_damaged == 100
    assert after.is_empty


def test_files_of_nothing_but_rubbish_are_no_obstacle(tmp_path: Path) -> None:
    """They are said, and a spool begins after them."""
    tmp_path.joinpath("0000000007.segment").write_bytes(os.urandom(10_000))
    spool = opened(tmp_path)
    add(spool, "line")

    assert drained(spool) == ["line"]


def test_another_version_is_left_alone(tmp_path: Path) -> None:
    """A spool that this program cannot read is not thrown away."""
    record = segments.frame(segments.RecordKind.SNAPSHOT, b'{"version": 99}')
    tmp_path.joinpath("0000000001.segment").write_bytes(record)

    with pytest.raises(ValueError, match="version 99"):
        opened(tmp_path)
    assert len(files(tmp_path)) == 1


def test_a_full_disk_leaves_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New lines wait in memory alone, which is said once; when there is space again, so is the disk."""
    clock = Clock()
    spool = opened(tmp_path, clock=clock)
    add(spool, "disk")
    with monkeypatch.context() as patch:
        patch.setattr(segments, "append_whole", no_space)
        add(spool, "memory", "memory too")
    clock.now = 2.0
    add(spool, "disk again")

    assert [problem.kind for problem in spool.take_problems()] == [ProblemKind.UNWRITABLE]
    assert drained(opened(tmp_path)) == ["disk", "disk again"]
    assert drained(spool) == ["disk", "memory", "memory too", "disk again"]


def test_a_full_disk_and_a_full_memory_are_a_full_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is accepted that could not be kept in its order."""
    spool = opened(tmp_path)
    add(spool, *(str(index).ljust(1_000) for index in range(150)))
    monkeypatch.setattr(segments, "append_whole", no_space)

    with pytest.raises(SpoolUnwritableError):
        add(spool, "one more")
    assert not spool.has_room(1)
    assert spool.lines_waiting == 150


def test_a_write_that_fails_halfway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full disk took of a record is cut off again."""
    spool = opened(tmp_path)
    add(spool, "before")
    size = files(tmp_path)[0].stat().st_size
    write = os.write
    taken: list[int] = []

    def short(fd: int, data: bytes) -> int:
        if taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.append(write(fd, data[:5]))
        return 5

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        add(spool, "memory")

    assert taken
    assert files(tmp_path)[0].stat().st_size == size


def test_full_durability_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a line is accepted, and before a number is used."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    spool = DiskSpool(tmp_path, SMALL, "p", Durability.FULL)

    add(spool, "line")
    assert len(synced) == 1
    spool.next_request(1)
    assert len(synced) == 2


def no_space(_fd: int, _size: int, _data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
