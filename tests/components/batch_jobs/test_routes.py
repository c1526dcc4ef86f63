"""Batch jobs over HTTP, as the old UI asks for them."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.app import Gateway
from gateway.settings.model import Settings
from tests.support.batch_ui import hand_over, poll
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, NaverApi, refusal
from tests.support.waiting import attempts

OPEN: dict[str, Any] = {"http_port": 0, "websocket_port": 0, "grpc_port": 0, "batch_interval_seconds": 0}


@pytest.fixture
async def http(api: NaverApi, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    naver = {"naver_client_id": CLIENT_ID, "naver_client_secret": CLIENT_SECRET, "naver_api_url": api.url}
    limits = {"naver_categories": "blog,cafe", "batch_keywords_max": 100, "batch_retry_seconds": 0.01}
    gateway = await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/otto.db", **OPEN, **naver, **limits))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        yield client
    api.go_on.set()
    await gateway.stop()


async def test_the_old_ui(http: httpx2.AsyncClient) -> None:
    """It hands over a list and polls until the job is done."""
    seen: list[tuple[int, int]] = []
    job_id = await hand_over(http, ["맥북", "아이폰"])
    job = await poll(http, job_id, on_progress=lambda *progress: seen.append(progress), interval_seconds=0.01)
    assert seen[-1] == (2, 2)
    assert seen == sorted(seen)
    assert (job["id"], job["status"], "error" in job) == (job_id, "completed", False)
    assert job["results"][0] == {"keyword": "맥북", "counts": {"blog": 20, "cafe": 20}}
    assert isinstance(job["startedAt"], int)
    assert int(job_id.split("_")[1]) <= job["startedAt"] <= job["completedAt"]
    assert job["keywords"] == ["맥북", "아이폰"]


async def test_a_batch_job_is_a_task_and_a_pipeline(http: httpx2.AsyncClient) -> None:
    """Its lines are in ``job_logs``, and its stage is streamed."""
    job_id = await hand_over(http, ["맥북"])
    await poll(http, job_id, interval_seconds=0.01)
    async for _ in attempts("the job's log says that it is over"):
        rows = (await http.get("/api/automation/logs", params={"jobId": job_id})).json()["logs"]
        if "작업 완료" in str(rows):
            break
    assert '[배치] 1/1 완료: 맥북 {"blog": 20, "cafe": 20}' in [row["log_message"] for row in rows]
    async with http.stream("GET", f"/api/v1/log-streaming/pipelines/{job_id}/progress") as response:
        text = ""
        async for line in response.aiter_lines():
            text += line
            if "STAGE_COMPLETED" in line:
                break
    assert '"progressPercentage":100' in text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"keywords": []}, "give 1 to 100"),
        ({"keywords": ["word"] * 101}, "give 1 to 100"),
        ({"keywords": ["one", 2]}, "keywords"),
        ({"keywords": ["one", None]}, "keywords"),
        ({"keywords": "one"}, "keywords"),
        ({}, "keywords"),
        ({"keywords": ["one", "  "]}, "keywords[1]"),
        ({"keywords": ["x" * 201]}, "keywords[0]"),
        ({"keywords": ["a\x00b"]}, "keywords[0]"),
        ({"keywords": ["one"], "priority": "low"}, "normal or high"),
    ],
)
async def test_lists_that_are_refused(http: httpx2.AsyncClient, body: object, text: str) -> None:
    """With 400, and nothing is begun."""
    answer = await http.post("/api/documents/batch", json=body)
    assert answer.status_code == 400
    assert text in answer.json()["error"]["message"]


async def test_one_at_a_time(http: httpx2.AsyncClient, api: NaverApi) -> None:
    """A second job is refused in the words that the UI shows; a cancelled one makes room."""
    api.wanted = "one"
    job_id = await hand_over(http, ["one", "two"])
    await api.reached.wait()
    refused = await http.post("/api/documents/batch", json={"keywords": ["three"]})
    assert refused.status_code == 409
    assert refused.json() == {"success": False, "error": "이미 처리 중인 작업이 있습니다"}
    cancelled = await http.delete(f"/api/documents/batch/{job_id}")
    assert cancelled.json() == {"success": True, "jobId": job_id, "status": "failed"}
    job = await poll(http, job_id)
    assert (job["error"], job["results"]) == ("작업이 취소되었습니다", [])
    await poll(http, await hand_over(http, ["three"], priority="high"), interval_seconds=0.01)


async def test_jobs_that_are_not_there(http: httpx2.AsyncClient) -> None:
    """404; without an id, 400."""
    assert (await http.get("/api/documents/status?jobId=batch_1_00000000")).status_code == 404
    assert (await http.get("/api/documents/status?jobId=any")).status_code == 404
    assert (await http.get("/api/documents/status")).status_code == 400
    assert (await http.delete("/api/documents/batch/batch_1_00000000")).status_code == 404


async def test_bad_credentials_fail_the_job(http: httpx2.AsyncClient, api: NaverApi) -> None:
    """The text says which settings are wrong, and not what they are."""
    api.script.append(refusal(401, "024", CLIENT_SECRET))
    job = await poll(http, await hand_over(http, ["one", "two"]), interval_seconds=0.01)
    assert job["status"] == "failed"
    assert "NAVER_CLIENT_ID" in job["error"]
    assert CLIENT_SECRET not in str(job)


async def test_metrics_count_keywords_by_result(http: httpx2.AsyncClient, api: NaverApi) -> None:
    """They count keywords by result, and retries."""
    api.script.extend([refusal(503, ""), refusal(400, "SE01")])
    await poll(http, await hand_over(http, ["one", "two"]), interval_seconds=0.01)
    text = (await http.get("/metrics")).text
    assert 'otto_batch_keywords_total{result="counted"} 1.0' in text
    assert 'otto_batch_keywords_total{result="failed"} 1.0' in text
    assert "otto_batch_retries_total 1.0" in text


async def test_off_without_credentials(tmp_path: Path) -> None:
    """503 says what to set; there is no thread, and no metric."""
    gateway = await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/otto.db", **OPEN))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        answer = await client.post("/api/documents/batch", json={"keywords": ["one"]})
        metrics = (await client.get("/metrics")).text
    await gateway.stop()
    assert answer.status_code == 503
    assert "set NAVER_CLIENT_ID and NAVER_CLIENT_SECRET" in answer.json()["error"]["message"]
    assert "otto_batch" not in metrics


@pytest.mark.slow
def test_a_gateway_that_only_streams_loads_no_client() -> None:
    """What asks Naver is imported where there are credentials."""
    text = "import sys, gateway.app; sys.exit('httpx2' in sys.modules or 'components.batch_jobs.naver' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"naver_client_id": "1"}, "NAVER_CLIENT_ID and NAVER_CLIENT_SECRET belong together"),
        ({"naver_api_url": "http://example.org"}, "NAVER_API_URL must begin with https://"),
        ({"naver_categories": "blog,blogs"}, "'blogs' is none of them: give some of blog, cafe"),
    ],
)
def test_settings_that_are_refused(given: dict[str, Any], text: str) -> None:
    """The text says what would be right."""
    with pytest.raises(ValueError, match=re.escape(text)):
        Settings(**given)
