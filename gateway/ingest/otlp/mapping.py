"""Which attributes of OTLP name the task, the worker and the source of a line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.ingest.metadata import text_of

__all__ = ["DEFAULT_WORKER", "OtlpMapping"]

DEFAULT_WORKER: Final = "otlp"
"""The worker of lines that no attribute names one for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpMapping:
    """Names of attributes, the most important first. A record's own attributes go before its resource's.

    Attributes:
        task: name the task; a record without any of them cannot be stored.
        worker: name the worker; without any it is ``DEFAULT_WORKER``.
        source: ``stdout`` or ``stderr``; without any it is ``stdout``.
        names: all of them.
    """

    task: tuple[str, ...] = ("otto.task_id", "k8s.job.name", "cicd.pipeline.run.id", "service.name")
    worker: tuple[str, ...] = (
        "otto.worker_id",
        "k8s.pod.name",
        "service.instance.id",
        "cicd.pipeline.task.run.id",
        "host.name",
    )
    source: tuple[str, ...] = ("log.iostream",)
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset((*self.task, *self.worker, *self.source)))


def first_of(names: tuple[str, ...], own: Mapping[str, Any], shared: Mapping[str, Any]) -> tuple[str, str]:
    """The first of these attributes that has a value, with its text; two empty texts: none has."""
    for name in names:
        value = own.get(name)
        if value is None or value == "":
            value = shared.get(name)
        if value is not None and value != "":
            return name, text_of(value)
    return "", ""
