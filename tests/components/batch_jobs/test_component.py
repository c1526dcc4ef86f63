"""Batch jobs in the real process: killed, stopped, and off."""

import json
import random
from pathlib import Path

import httpx2
import pytest

from tests.support.batch_ui import hand_over, poll
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, NaverApi
from tests.support.waiting import attempts, time_limit

KEYWORDS = [f"키워드{number}" for number in range(1, 101)]
CATEGORIES = ("blog", "cafearticle")


def settings(api: NaverApi) -> dict[str, str]:
    return {
        "NAVER_CLIENT_ID": CLIENT_ID,
        "NAVER_CLIENT_SECRET": CLIENT_SECRET,
        "NAVER_API_URL": api.url,
        "NAVER_CATEGORIES": "blog,cafe",
        "BATCH_INTERVAL_SECONDS": "0",
        "DURABILITY": "process",  # survives a killed process
    }


async def lines(gateway: GatewayProcess, client: httpx2.AsyncClient, job_id: str) -> list[str]:
    """The messages of the stream up to the end of the task."""
    found = []
    async with (
        time_limit("the job's log says that it is over"),
        client.stream("GET", gateway.stream_url(job_id, "after=0")) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data:") and '"message"' in line:
                found.append(json.loads(line[5:])["message"])
            if line.startswith("event: complete") or "작업 완료" in line:
                break
    return found


@pytest.mark.slow
async def test_killed_at_the_fortieth_of_a_hundred(tmp_path: Path, api: NaverApi) -> None:
    """Each keyword is asked for once; the one in flight twice, which is counted and shown, and the story is whole."""
    async with (
        running_gateway(tmp_path / "gateway", **settings(api)) as gateway,
        httpx2.AsyncClient(base_url=gateway.url) as client,
    ):
        api.wanted = KEYWORDS[39]
        job_id = await hand_over(client, KEYWORDS)
        await api.reached.wait()
        gateway.kill()
        api.go_on.set()
        await gateway.start()
        job = await poll(client, job_id, interval_seconds=0.05)
        assert job["status"] == "completed"
        assert [result["keyword"] for result in job["results"]] == KEYWORDS
        assert all(result["counts"].keys() == {"blog", "cafe"} for result in job["results"])
        assert job["repeated"] == 1
        twice = {keyword for (keyword, _), count in api.asked.items() if count == 2}
        assert twice == {KEYWORDS[39]}
        assert set(api.asked.values()) == {1, 2}
        assert len(api.asked) == 200
        told = await lines(gateway, client, job_id)
        assert [text.split(" {")[0] for text in told[2:-1]] == [
            f"[배치] {number}/100 완료: {keyword}" for number, keyword in enumerate(KEYWORDS, 1)
        ]
        assert "두 번 요청한 키워드 1개" in told[-1]
        assert CLIENT_SECRET not in gateway.log()


@pytest.mark.slow
@pytest.mark.demonstration
async def test_a_gateway_killed_anywhere_loses_no_job(tmp_path: Path, api: NaverApi) -> None:
    """Each kill costs one keyword at most, and whatever was asked for twice is counted; the story is whole."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kills = 3
    async with (
        running_gateway(tmp_path / "gateway", **settings(api)) as gateway,
        httpx2.AsyncClient(base_url=gateway.url) as client,
    ):
        job_id = await hand_over(client, KEYWORDS)
        for _ in range(kills):
            wanted = min(len(api.asked) + chance.randrange(60), 199)
            async for _ in attempts("the next keywords are asked for"):
                if len(api.asked) >= wanted:
                    break
            gateway.kill()
            await gateway.start()
        job = await poll(client, job_id, interval_seconds=0.05)
        assert (job["status"], len(api.asked)) == ("completed", 200)
        more_than_once = {keyword for (keyword, _), count in api.asked.items() if count > 1}
        assert len(more_than_once) <= job["repeated"] <= kills
        assert sum(count - 1 for count in api.asked.values()) <= kills * len(CATEGORIES)
        told = await lines(gateway, client, job_id)
        assert [text.split(" {")[0] for text in told[2:-1]] == [
            f"[배치] {number}/100 완료: {keyword}" for number, keyword in enumerate(KEYWORDS, 1)
        ]
