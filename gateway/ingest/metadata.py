"""Metadata of lines and pods within its limits."""

import base64
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from gateway.ingest.limits import IngestLimits

__all__ = ["PodMetadata", "metadata_within", "pod_metadata", "text_of"]


class PodMetadata(Protocol):
    """What both wires say of a pod."""

    pod_name: str
    namespace: str
    node_name: str
    created_at: str

    @property
    def labels(self) -> Mapping[str, str]:
        """Kubernetes' labels."""
        ...


def text_of(value: Any) -> str:
    """A value as text: text as it is, bytes in Base64, everything else as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return msgspec.json.encode(value).decode()


def metadata_within(fields: Mapping[str, str], limits: IngestLimits) -> tuple[dict[str, str], bool]:
    """A line's metadata, and whether something was left out because it is too much.

    Keys are taken in alphabetical order once there are too many, so that the same metadata always loses the same keys.
    """
    return _within(fields, limits.metadata_keys_max, limits.metadata_bytes_max)


def pod_metadata(pod: PodMetadata, limits: IngestLimits) -> tuple[dict[str, Any] | None, int]:
    """A pod's description in camelCase with what is set, and its size in bytes; None if nothing is."""
    names = {
        "podName": pod.pod_name,
        "namespace": pod.namespace,
        "nodeName": pod.node_name,
        "createdAt": pod.created_at,
    }
    present = {key: value for key, value in names.items() if value}
    description: dict[str, Any] = dict(_within(present, len(names), limits.pod_metadata_bytes_max)[0])
    size = sum(len(key) + len(value) for key, value in description.items())
    labels, _ = _within(pod.labels, limits.metadata_keys_max, limits.pod_metadata_bytes_max - size)
    if labels:
        description["labels"] = labels
        size += sum(len(key) + len(value) for key, value in labels.items())
    return description or None, size


def _within(fields: Mapping[str, str], keys_max: int, bytes_max: int) -> tuple[dict[str, str], bool]:
    taken = dict(fields)
    if len(taken) <= keys_max and sum(map(len, taken)) + sum(map(len, taken.values())) <= bytes_max // 4:
        return taken, False  # a character takes at most four bytes
    left = bytes_max
    within: dict[str, str] = {}
    for key in sorted(taken):
        size = len(key.encode()) + len(taken[key].encode())
        if size <= left and len(within) < keys_max:
            within[key] = taken[key]
            left -= size
    return within, len(within) < len(taken)
