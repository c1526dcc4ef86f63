"""What is remembered of workers."""

from gateway.ingest.otto.workers import Workers


def test_the_last_workers_heard_of_are_remembered() -> None:
    """Beyond the limit the worker that was silent for longest is forgotten."""
    workers = Workers(2)
    workers.register("t", "a", {"podName": "a"})
    workers.register("t", "b", {})
    workers.report("t", "a", "RUNNING")
    workers.register("t", "c", {"podName": "c"})
    assert len(workers) == 2
    assert workers.pod_metadata("t", "a") == {"podName": "a"}
    assert workers.pod_metadata("t", "b") is None


def test_a_repeated_status_is_known() -> None:
    """The same status twice in a row is a repeat; another one in between makes it news."""
    workers = Workers(10)
    said = [workers.report("t", "w", status) for status in ("RUNNING", "RUNNING", "FAILED", "RUNNING")]
    assert said == [True, False, True, True]
