"""What a release is made of, in CycloneDX: the packages that ``otto-log-gateway`` needs, as the lock file has them."""

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, Final

__all__ = ["DEVELOPMENT", "bill_of_materials"]

DEVELOPMENT: Final = frozenset({"dev"})
"""Extras that no release needs."""
_LOCKED: Final = re.compile(
    r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)[^\n]*((?:\n +--hash=sha256:[0-9a-f]{64}[ \\]*)*)", re.MULTILINE
)
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9_.-]+)(?:\[([\w,. -]+)\])?")
_EXTRA: Final = re.compile(r"extra == ['\"]([\w.-]+)['\"]")


def bill_of_materials(lock: Path, *, name: str, version: str, made_at: int) -> str:
    """The document.

    Args:
        lock: ``requirements.lock``.
        name: of the package whose needs are listed, with all of its extras but those of development.
        version: of it.
        made_at: Unix seconds.

    Raises:
        LookupError: a package that is needed is not installed, or not in the lock file.
    """
    locked = {_normal(found[1]): found for found in _LOCKED.finditer(lock.read_text())}
    components = [_component(locked[each]) for each in sorted(_needed(name)) if each in locked]
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(made_at, UTC).isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _needed(name: str) -> set[str]:
    """The names of everything that a package needs, with its extras, and so on."""
    seen: set[str] = set()
    waiting: list[tuple[str, frozenset[str] | None]] = [(name, None)]
    while waiting:
        package, extras = waiting.pop()
        try:
            requirements = requires(package) or []
        except PackageNotFoundError:
            continue  # for another system or Python
        for requirement in requirements:
            extra = _EXTRA.search(requirement)
            if extra is not None and (extra[1] in DEVELOPMENT if extras is None else extra[1] not in extras):
                continue
            found = _REQUIREMENT.match(requirement)
            if found is None:
                raise LookupError(f"{package} needs {requirement!r}, which cannot be read")
            needed = _normal(found[1])
            wanted = frozenset(each.strip() for each in (found[2] or "").split(",") if each.strip())
            if needed not in seen or wanted:
                seen.add(needed)
                waiting.append((needed, wanted))
    return seen


def _component(found: re.Match[str]) -> dict[str, Any]:
    name, version = _normal(found[1]), found[2]
    hashes = re.findall(r"sha256:([0-9a-f]{64})", found[3])
    return {
        "type": "library",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": each} for each in sorted(hashes)],
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
