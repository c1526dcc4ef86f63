"""The documents of ``docs/ci.md`` and ``docs/sources.md``: what their systems take."""

import json
from importlib.resources import files
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from tests.sources.recipes import documents, recipes, section

SCHEMAS = {"GitHub Actions": "github-workflows", "GitLab CI": "gitlab-ci", "Buildkite": "buildkite"}


@pytest.mark.parametrize("system", SCHEMAS)
def test_a_recipe_is_what_its_system_takes(system: str) -> None:
    """By the schemas of their makers, and of SchemaStore for GitHub; a workflow of ours has no trigger of its own."""
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / f"{SCHEMAS[system]}.json").read_text(encoding="utf-8"))
    document = documents()[system]
    jsonschema_rs.validator_for(schema).validate({"on": "push", **document} if system == "GitHub Actions" else document)


def test_a_job_is_what_kubernetes_takes() -> None:
    """Strictly: a field that the version does not know is an error."""
    kubernetes_validate.validate(documents()["Kubernetes Job"], "1.32", strict=True)


def test_tekton_and_argo_have_the_fields_that_they_need() -> None:
    """Each step has a name, an image and what to run; a container of both is one of Kubernetes."""
    tekton, argo = documents()["Tekton"], documents()["Argo Workflows"]
    assert (tekton["apiVersion"], tekton["kind"]) == ("tekton.dev/v1", "Task")
    assert (argo["apiVersion"], argo["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    assert argo["spec"]["entrypoint"] in [template["name"] for template in argo["spec"]["templates"]]
    step = dict(tekton["spec"]["steps"][0])
    assert step.pop("script").startswith("#!/bin/sh\n")
    for container in (step, {"name": "main"} | argo["spec"]["templates"][0]["container"]):
        pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
        kubernetes_validate.validate({**pod, "spec": {"containers": [container]}}, "1.32", strict=True)


def test_there_is_a_recipe_for_each_system() -> None:
    """Eight, and each runs the build."""
    assert [recipe.system for recipe in recipes()[:5]] == [
        "GitHub Actions",
        "GitLab CI",
        "Jenkins",
        "Buildkite",
        "Tekton",
    ]
    assert [recipe.system for recipe in recipes()[5:]] == ["Argo Workflows", "Kubernetes Job", "Docker"]
    assert all("-- make test" in recipe.command[-1] for recipe in recipes())


def test_settings_of_agents_are_well_formed() -> None:
    """Each names the gateway and its token, and none gives lines up while the gateway is away."""
    (_, collector), (_, vector) = (
        section("sources.md", "OpenTelemetry Collector")[0],
        section("sources.md", "Vector")[0],
    )
    exporter = yaml.safe_load(collector)["exporters"]["otlp_http/otto"]
    assert exporter["retry_on_failure"] == {"enabled": True, "max_elapsed_time": "0s"}
    assert exporter["sending_queue"]["block_on_overflow"]
    kubernetes = yaml.safe_load(section("sources.md", "Kubernetes")[0][1])
    assert kubernetes["receivers"]["file_log"]["include_file_path"]
    assert kubernetes["service"]["pipelines"]["logs"]["receivers"] == list(kubernetes["receivers"])
    assert yaml.safe_load(vector)["sinks"]["otto"]["framing"] == {"method": "newline_delimited"}
    for _, block in section("sources.md", "Fluent Bit"):
        settings = [line.split(None, 1) for line in block.splitlines() if not line.startswith("[")]
        assert ["retry_limit", "no_limits"] in settings
        assert all(len(setting) == 2 for setting in settings)
