"""Labels of a task: names with values that its workers reported."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["label_metadata", "labels_of", "labels_of_pod"]

_PREFIX: Final = "label."
_POD_FIELDS: Final = ("namespace", "podName", "nodeName")


def labels_of(reports: Iterable[Mapping[str, Any] | None]) -> dict[str, str]:
    """The labels in what workers said of themselves: ``label.NAME`` each, or the description of a pod.

    Args:
        reports: metadata of workers; of a label that several have, the first value counts.
    """
    labels: dict[str, str] = {}
    for metadata in reports:
        if not metadata:
            continue
        own = {key.removeprefix(_PREFIX): str(value) for key, value in metadata.items() if key.startswith(_PREFIX)}
        labels = {**labels_of_pod(metadata), **own, **labels}
    return labels


def labels_of_pod(pod: Mapping[str, Any]) -> dict[str, str]:
    """Kubernetes' labels of a pod, its name, its namespace and its node, as far as they are known."""
    given = pod.get("labels")
    fields = {name: pod[name] for name in _POD_FIELDS if name in pod}
    return {str(name): str(value) for name, value in {**(given if isinstance(given, dict) else {}), **fields}.items()}


def label_metadata(pod: Mapping[str, Any] | None) -> dict[str, str]:
    """The labels of a pod as a worker's metadata has them."""
    return {_PREFIX + name: value for name, value in labels_of_pod(pod or {}).items()}
