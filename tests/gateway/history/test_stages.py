"""The stages of a pipeline without a stream."""

import httpx2
import pytest
from otto_logs import LogProducer, StageStatus

from gateway.app import Gateway
from tests.gateway.conftest import gateway, http, settings

__all__ = ["gateway", "http", "settings"]

PATH = "/api/v1/log-streaming/pipelines/a%2Fb/stages"


async def test_stages_are_told_as_they_are(gateway: Gateway, http: httpx2.AsyncClient) -> None:
    """Each once, with its last state, in the order of the last changes."""
    async with LogProducer(f"127.0.0.1:{gateway.ports[-1]}") as producer:
        for stage, status, percentage in (("one", "running", 5), ("two", "running", 40), ("one", "completed", 100)):
            await producer.report_stage("a/b", stage, StageStatus[status.upper()], percentage=percentage)
        await producer.flush()
    answer = (await http.get(PATH)).json()
    assert answer["pipelineId"] == "a/b"
    told = [(stage["stageId"], stage["status"], stage["progressPercentage"]) for stage in answer["stages"]]
    assert told == [("two", "STAGE_RUNNING", 40), ("one", "STAGE_COMPLETED", 100)]


@pytest.mark.parametrize("name", ["nobody", "%00"])
async def test_a_pipeline_without_reports_has_none(http: httpx2.AsyncClient, name: str) -> None:
    """A name that cannot be one is an error."""
    answer = await http.get(PATH.replace("a%2Fb", name))
    assert answer.status_code == (200 if name == "nobody" else 400)
    assert name != "nobody" or answer.json() == {"pipelineId": "nobody", "stages": []}
