import threading
from pathlib import Path

from storage.sqlite.write_lock import write_lock


def test_a_file_has_one_lock(tmp_path: Path) -> None:
    """However its path is written."""
    assert write_lock(tmp_path / "otto.db") is write_lock(tmp_path / "x" / ".." / "otto.db")
    assert write_lock(tmp_path / "otto.db") is not write_lock(tmp_path / "other.db")


def test_the_journal_goes_first(tmp_path: Path) -> None:
    """Anyone who waits with urgency overtakes all others, in whatever order they came."""
    lock = write_lock(tmp_path / "otto.db")
    order: list[str] = []
    is_coming = threading.Event()

    def sink() -> None:
        is_coming.set()
        with lock.background():
            order.append("sink")

    def journal() -> None:
        is_coming.wait()
        with lock.urgent():
            order.append("journal")

    threads = [threading.Thread(target=sink), threading.Thread(target=journal)]
    with lock.background():
        for thread in threads:
            thread.start()
        while not lock.is_wanted:
            is_coming.wait(0.001)
    for thread in threads:
        thread.join()
    assert order == ["journal", "sink"]
