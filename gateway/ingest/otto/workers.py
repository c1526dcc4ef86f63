"""What workers said of themselves on Otto's wire, remembered within a bound."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

__all__ = ["Workers"]


@dataclass(slots=True)
class _Worker:
    pod_metadata: dict[str, Any] | None = None
    status: str = ""


class Workers:
    """The registration and the last status of the workers heard of last.

    Only a convenience: lines of a worker that is not in it are stored as well, without its pod's metadata.
    """

    def __init__(self, workers_max: int) -> None:
        self._workers: OrderedDict[tuple[str, str], _Worker] = OrderedDict()
        self._workers_max = workers_max

    def __len__(self) -> int:
        return len(self._workers)

    def __repr__(self) -> str:
        return f"<Workers {len(self._workers)} of at most {self._workers_max}>"

    def register(self, task_id: str, worker_id: str, pod_metadata: dict[str, Any]) -> None:
        """A worker registered."""
        self._worker(task_id, worker_id).pod_metadata = pod_metadata or None

    def pod_metadata(self, task_id: str, worker_id: str) -> dict[str, Any] | None:
        """What the worker said of its pod when it registered; None if it did not."""
        worker = self._workers.get((task_id, worker_id))
        return None if worker is None else worker.pod_metadata

    def report(self, task_id: str, worker_id: str, status: str) -> bool:
        """A worker's status; False if it repeats the one before."""
        worker = self._worker(task_id, worker_id)
        if worker.status == status:
            return False
        worker.status = status
        return True

    def _worker(self, task_id: str, worker_id: str) -> _Worker:
        key = (task_id, worker_id)
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = _Worker()
            if len(self._workers) > self._workers_max:
                self._workers.popitem(last=False)
        else:
            self._workers.move_to_end(key)
        return worker
