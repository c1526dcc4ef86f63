"""The recipes of ``docs/ci.md``: their documents, and the commands that a system would run of them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BUILD", "Recipe", "documents", "recipes", "section"]

DOCS = Path(__file__).parents[2] / "docs"
BUILD = "make test"
"""What the recipes build with; ``tests.sources.runs`` puts a program of that name in front."""

_FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_FILLED = {  # what systems fill in before the shell sees it
    "$(context.taskRun.name)": "test-x7k",
    "{{workflow.name}}": "test-x7k",
    "metadata.labels['batch.kubernetes.io/job-name']": "nightly",
    "metadata.name": "nightly-x7k",
}


@dataclass(frozen=True)
class Recipe:
    """How a system runs the build: a command with the variables that it sets, and the task that must appear.

    ``checked`` is how its document was validated.
    """

    system: str
    command: tuple[str, ...]
    task: str
    worker: str
    checked: str
    variables: dict[str, str] = field(default_factory=dict)


def section(page: str, heading: str) -> list[tuple[str, str]]:
    """The language and text of each block of code below a heading of a page in ``docs/``."""
    text = (DOCS / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return [(language, block) for language, block in _FENCE.findall(found)]


def documents() -> dict[str, Any]:
    """The YAML of each system that has some, by its heading."""
    text = (DOCS / "ci.md").read_text(encoding="utf-8")
    found = {}
    for heading in re.findall(r"^## (.+)$", text, re.MULTILINE):
        for language, block in section("ci.md", heading):
            if language == "yaml":
                found[heading] = yaml.safe_load(block)
    return found


def _values(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Variables of a container, as Kubernetes would fill them in; secrets come from elsewhere."""
    found = {}
    for each in entries:
        source = each.get("valueFrom", {})
        if "secretKeyRef" not in source:
            value = each.get("value") or source["fieldRef"]["fieldPath"]
            found[each["name"]] = _FILLED.get(value, value)
    return found


def recipes() -> list[Recipe]:
    """All of them, in the order of the page."""
    known = documents()
    github = known["GitHub Actions"]["jobs"]["test"]
    gitlab = known["GitLab CI"]["test"]
    ((_, jenkins),) = section("ci.md", "Jenkins")
    (jenkins_step,) = re.findall(r"sh '([^']+)'", jenkins)
    buildkite = known["Buildkite"]["steps"][0]
    tekton = known["Tekton"]["spec"]["steps"][0]
    argo = known["Argo Workflows"]["spec"]["templates"][0]["container"]
    job = known["Kubernetes Job"]["spec"]["template"]["spec"]["containers"][0]
    ((_, docker),) = section("ci.md", "Docker")
    shell = ("sh", "-e", "-c")
    return [
        Recipe(
            "GitHub Actions",
            ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", github["steps"][-1]["run"]),
            *("github-71-2", "test", "schema of workflows"),
            {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "71", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "test"},
        ),
        Recipe(
            "GitLab CI",
            (*shell, "\n".join(gitlab["script"])),
            *("gitlab-72", "unit tests", "GitLab's own schema"),
            {"CI_PIPELINE_ID": "72", "CI_JOB_NAME": "unit tests"},
        ),
        Recipe(
            "Jenkins",
            (*shell, jenkins_step),
            *("jenkins-shop-73", "test", "the step alone; there is no parser of pipelines outside Jenkins"),
            {"BUILD_TAG": "jenkins-shop-73", "STAGE_NAME": "test"},
        ),
        Recipe(
            "Buildkite",
            (*shell, buildkite["command"].replace("$$", "$")),
            *("buildkite-0190-74", ":pytest: test", "Buildkite's own schema"),
            {"BUILDKITE_BUILD_ID": "0190-74", "BUILDKITE_LABEL": ":pytest: test"},
        ),
        Recipe(
            "Tekton",
            (*shell, tekton["script"].partition("\n")[2]),
            *("tekton-test-x7k", "test", "fields of `tekton.dev/v1`"),
            _values(tekton["env"]),
        ),
        Recipe(
            "Argo Workflows",
            (*argo["command"], *argo["args"]),
            *("argo-test-x7k", "test", "fields of `argoproj.io/v1alpha1`"),
            _values(argo["env"]),
        ),
        Recipe(
            "Kubernetes Job",
            (*job["command"], *job["args"]),
            *("nightly", "nightly-x7k", "Kubernetes' schema 1.32, strict"),
            _values(job["env"]),
        ),
        Recipe(
            "Docker",
            (*shell, docker.partition("builder \\\n")[2]),
            *("docker-75", "builder", "the command behind the image's name"),
            {"BUILD": "75"},
        ),
    ]
