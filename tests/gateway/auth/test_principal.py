"""What a principal may do."""

import pytest

from gateway.auth import ADMIN, ANONYMOUS, LOGS_READ, LOGS_WRITE, Principal
from gateway.auth.patterns import NamePatterns
from gateway.errors import ApiError


def principal(*scopes: str, tasks: list[str] | None = None, pipelines: list[str] | None = None) -> Principal:
    return Principal(
        subject="someone",
        scopes=frozenset(scopes),
        tasks=None if tasks is None else NamePatterns(tasks),
        pipelines=None if pipelines is None else NamePatterns(pipelines),
    )


def test_a_scope_is_needed() -> None:
    """A principal without the scope is refused with 403 and the scope's name."""
    with pytest.raises(ApiError, match="logs:write") as caught:
        principal(LOGS_READ).require(LOGS_WRITE)
    assert (caught.value.code, caught.value.http_status) == ("PERMISSION_DENIED", 403)


def test_admin_implies_every_scope_but_no_further_task() -> None:
    """``admin`` stands for all scopes; the tasks that a token names still bound it."""
    admin = principal(ADMIN, tasks=["build-*"])
    admin.require(LOGS_WRITE, task_id="build-1")
    with pytest.raises(ApiError) as caught:
        admin.require(LOGS_READ, task_id="deploy")
    assert caught.value.field == "taskId"


def test_tasks_and_pipelines_are_bounded_apart() -> None:
    """A claim about tasks says nothing about pipelines."""
    someone = principal(LOGS_READ, pipelines=["release"])
    someone.require(LOGS_READ, task_id="any", pipeline_id="release")
    with pytest.raises(ApiError) as caught:
        someone.require(LOGS_READ, pipeline_id="nightly")
    assert caught.value.field == "pipelineId"


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"task_id": "deploy"}, "taskId", "the token does not cover task 'deploy'"),
        ({"pipeline_id": "nightly"}, "pipelineId", "the token does not cover pipeline 'nightly'"),
    ],
)
def test_what_is_not_covered_is_named(asked: dict[str, str], field: str, message: str) -> None:
    """With the status of a refusal that another token may lift."""
    with pytest.raises(ApiError) as caught:
        principal(ADMIN, tasks=[], pipelines=[]).require(LOGS_READ, **asked)
    assert (caught.value.code, caught.value.field, str(caught.value)) == ("PERMISSION_DENIED", field, message)


@pytest.mark.parametrize("asked", ["*", "build-*", "?", "[a-z]", "build-1*"])
def test_a_name_with_pattern_characters_widens_nothing(asked: str) -> None:
    """What is asked for is text, and only what the token holds is a pattern."""
    with pytest.raises(ApiError):
        principal(LOGS_READ, tasks=["build-1"]).require(LOGS_READ, task_id=asked)


def test_whoever_covers_everything_is_not_limited() -> None:
    """What lists all tasks can ask whether there are any that the principal does not cover."""
    assert not principal(LOGS_READ).is_limited
    assert principal(LOGS_READ, tasks=["*"]).is_limited
    assert principal(LOGS_READ, pipelines=[]).is_limited


def test_narrowing_takes_and_never_adds() -> None:
    """A narrowed principal has no scope, task or pipeline that the whole one does not have."""
    reader = principal(LOGS_READ, tasks=["build-*"]).narrowed({LOGS_READ, LOGS_WRITE}, task_id="build-1")
    reader.require(LOGS_READ, task_id="build-1")
    for refused in ({"task_id": "build-2"}, {"pipeline_id": "any"}):
        with pytest.raises(ApiError):
            reader.require(LOGS_READ, **refused)
    with pytest.raises(ApiError):
        reader.require(LOGS_WRITE)
    with pytest.raises(ApiError):
        principal(LOGS_READ, tasks=["build-*"]).narrowed({LOGS_READ}, task_id="*").require(LOGS_READ, task_id="*")


def test_narrowing_to_a_pipeline_leaves_it_and_no_task() -> None:
    """One that is covered; another one is not added."""
    whole = principal(LOGS_READ, pipelines=["release-*"])
    reader = whole.narrowed({LOGS_READ}, pipeline_id="release-1")
    reader.require(LOGS_READ, pipeline_id="release-1")
    for refused in ({"pipeline_id": "release-2"}, {"task_id": "any"}):
        with pytest.raises(ApiError):
            reader.require(LOGS_READ, **refused)
    with pytest.raises(ApiError):
        whole.narrowed({LOGS_READ}, pipeline_id="nightly").require(LOGS_READ, pipeline_id="nightly")


def test_narrowing_to_scopes_alone_keeps_tasks_and_pipelines() -> None:
    """And gives nobody a scope."""
    reader = principal(ADMIN, tasks=["build-1"]).narrowed({LOGS_READ})
    assert reader.scopes == {LOGS_READ}
    reader.require(LOGS_READ, task_id="build-1", pipeline_id="any")
    assert principal(LOGS_READ).narrowed({LOGS_WRITE}).scopes == frozenset()


def test_everybody_may_do_everything_without_credentials() -> None:
    """The anonymous principal has every scope, covers everything and does not expire."""
    ANONYMOUS.require(ADMIN, task_id="any", pipeline_id="any")
    ANONYMOUS.require(LOGS_WRITE)
    assert ANONYMOUS.expires_at is None
