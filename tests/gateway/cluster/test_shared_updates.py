"""Updates of records and jobs between gateways."""

from typing import Any, cast

from gateway.cluster.shared_updates import share_updates
from sessions.admission import Admission
from sessions.updates import (
    AnyUpdate,
    IncidentUpdate,
    JobProgress,
    TaskChange,
    Update,
    UpdateHub,
    UpdateLimits,
    UpdateType,
)
from storage.postgres.channel import MESSAGE_BYTES_MAX
from tests.support.moved_clock import pass_time


class Wire:
    """Two ends of a channel."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.other: Wire | None = None
        self.handler: Any = None

    def listen(self, _kind: str, handler: Any) -> None:
        self.handler = handler

    def send(self, kind: str, text: str) -> None:
        self.sizes.append(len(f"{kind}{text}".encode()))
        assert self.other is not None
        self.other.handler("sender", text)


async def test_updates_of_every_kind_reach_the_other_hub_once() -> None:
    """However many there are and however long their texts, each message fits; none comes back."""
    ends = [Wire(), Wire()]
    ends[0].other, ends[1].other = ends[1], ends[0]
    hubs = [UpdateHub(UpdateLimits(merge_seconds=0.02), admission=Admission(10)) for _ in ends]
    for hub, end in zip(hubs, ends, strict=True):
        share_updates(hub, cast(Any, end))
    sessions = [hub.open(lambda _: True) for hub in hubs]
    job = JobProgress(job_id="j", status="failed", progress=JobProgress.Done(current=1, total=2), error="é" * 9000)
    incident = IncidentUpdate(
        incident_id=7, rule="r", severity="critical", incident_key="*", task_id=None, count=1, is_open=True,
        is_muted=False,
    )  # fmt: skip
    records = [Update(type=UpdateType.WORKFLOW_FAILED, script_id=f"script {n}" * 20) for n in range(50)]
    published: list[AnyUpdate] = [*records, job, incident, TaskChange(type="pinned", task_id="t")]
    for update in published:
        hubs[0].publish(update)
    pass_time(0.02)
    assert len(await anext(sessions[0])) == 53
    received = await anext(sessions[1])
    assert sorted(each.key for each in received) == sorted(each.key for each in published)
    assert next(each for each in received if isinstance(each, JobProgress)).error == "é" * 500
    assert (len(ends[0].sizes) > 1, max(ends[0].sizes) <= MESSAGE_BYTES_MAX, ends[1].sizes) == (True, True, [])
    for hub in hubs:
        hub.close()
