"""Where the files of a release come from: an in-toto statement with the provenance predicate of SLSA."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["provenance"]

_LOCKS = (
    *("requirements.lock", "requirements-node.lock", "requirements-tools.lock"),
    *("clients/js/package-lock.json", "clients/viewer/package-lock.json"),
)


def provenance(subjects: Mapping[str, str], root: Path, *, commit: str, made_at: int) -> str:
    """The statement; it is not signed.

    Args:
        subjects: SHA-256 of each file.
        root: of the repository.
        commit: that they were made from.
        made_at: Unix seconds.
    """
    time = datetime.fromtimestamp(made_at, UTC).isoformat().replace("+00:00", "Z")
    dependencies = [{"name": "source", "digest": {"gitCommit": commit}}]
    dependencies += [
        {"name": lock, "digest": {"sha256": hashlib.sha256((root / lock).read_bytes()).hexdigest()}} for lock in _LOCKS
    ]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:otto-log-gateway:make-release:1",
                "externalParameters": {"command": "make release", "commit": commit},
                "internalParameters": {"SOURCE_DATE_EPOCH": made_at},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": "urn:otto-log-gateway:make-release"},
                "metadata": {"startedOn": time, "finishedOn": time},  # of the commit: the same bytes each time
            },
        },
    }
    return json.dumps(statement, indent=1, sort_keys=True) + "\n"
