"""The recipes in ``docs/ci.md``: their documents are well-formed, and their commands run."""

import re
from pathlib import Path

import pytest
import yaml

from tests.support.commands import otto_logs
from tests.support.ingest_peer import IngestPeer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ci.md").read_text()
COMMANDS = re.findall(r"otto-logs run --tls [^\n]* -- make test", DOCUMENT)
VARIABLES = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "71",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_JOB": "test",
    "CI_PIPELINE_ID": "72",
    "CI_JOB_NAME": "unit tests",
    "BUILD_TAG": "jenkins-shop-73",
    "STAGE_NAME": "test",
    "BUILDKITE_BUILD_ID": "0190-74",
    "BUILDKITE_LABEL": ":pytest: test",
    "RUN": "test-x7k",
    "JOB": "nightly",
    "POD": "nightly-x7k",
    "BUILD": "75",
}


def test_every_document_is_well_formed() -> None:
    """The YAML of each system can be read."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(blocks) == 6
    assert all(isinstance(yaml.safe_load(block), dict) for block in blocks)


@pytest.mark.slow
async def test_every_command_runs(peer: IngestPeer, tmp_path: Path) -> None:
    """With the variables of its system: the task has its run's name, and the exit code is that of the build."""
    build = tmp_path / "make"
    build.write_text("#!/bin/sh\necho $1 has failed >&2\nexit 3\n")
    build.chmod(0o755)
    assert len(COMMANDS) == 8
    seen = []
    for command in COMMANDS:
        words = re.findall(r'"[^"]*"|\S+', command.replace("$$", "$").removeprefix("otto-logs run --tls "))
        filled = [re.sub(r"\$(\w+)", lambda name: VARIABLES[name[1]], word.strip('"')) for word in words]
        arguments = [str(build) if word == "make" else word for word in filled]
        ended = await otto_logs("run", "--gateway", peer.address, *arguments, environment=VARIABLES)
        assert (ended.code, ended.stderr.splitlines()[-1]) == (3, "test has failed")
        seen.append(peer.stored("lines")[-1].lines.task_id)
    assert seen[:4] == ["github-71-2", "gitlab-72", "jenkins-shop-73", "buildkite-0190-74"]
    assert seen[4:] == ["tekton-test-x7k", "argo-test-x7k", "nightly", "docker-75"]
