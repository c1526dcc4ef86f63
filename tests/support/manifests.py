"""What ``deploy/`` has for Kubernetes, as a cluster is sent it: the overlays, and the chart as Helm renders it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml

__all__ = ["CHART", "chart", "overlay", "workload"]

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "otto-gateway"


def overlay(name: str) -> Iterator[dict[str, Any]]:
    """What ``kubectl apply -k`` would send; the overlays only put resources together."""
    folder = DEPLOY / "kubernetes" / "overlays" / name
    for resource in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]:
        path = (folder / resource).resolve()
        if path.is_dir():
            names = yaml.safe_load((path / "kustomization.yaml").read_text())["resources"]
            files = [path / each for each in names]
        else:
            files = [path]
        for file in files:
            yield from yaml.safe_load_all(file.read_text())


def workload(name: str) -> dict[str, Any]:
    """The StatefulSet or Deployment of an overlay."""
    (found,) = (each for each in overlay(name) if each["kind"] in ("StatefulSet", "Deployment"))
    return found


def chart(values: dict[str, Any], *, release: str = "otto-gateway") -> tuple[list[dict[str, Any]], str]:
    """What ``helm install`` would send, and the notes it would print.

    Raises:
        helm_python.HelmError: the values are not what the schema allows, or a template fails.
    """
    with helm_python.Chart.load(CHART) as loaded:
        loaded.validate_schema(loaded.merge_values(values))
        rendered = loaded.render(values, name=release, namespace="logs")
    notes = rendered.pop("otto-gateway/templates/NOTES.txt")
    return [each for text in rendered.values() for each in yaml.safe_load_all(text) if each], notes
