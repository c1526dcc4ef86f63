"""The page of batch jobs, with a real gateway that counts at an API of the test's own."""

from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser, expect

from tests.support.batch_ui import hand_over
from tests.support.gateway_process import running_gateway
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, naver_api, refusal
from tests.support.viewer import Viewer, violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_a_job_is_watched_to_its_end(tmp_path: Path, browser: Browser) -> None:
    """Progress and end come without a reload, with what jobs add up to; the id leads to the log."""
    async with naver_api() as api:
        naver = {"NAVER_CLIENT_ID": CLIENT_ID, "NAVER_CLIENT_SECRET": CLIENT_SECRET, "NAVER_API_URL": api.url}
        options = naver | {"NAVER_CATEGORIES": "blog", "BATCH_INTERVAL_SECONDS": "0", "DURABILITY": "process"}
        async with running_gateway(tmp_path, **options) as gateway:
            api.wanted = "two"
            api.script.append(refusal(400, "SE01"))
            async with (
                Viewer(gateway, browser).open("/batch-jobs") as page,
                httpx2.AsyncClient(base_url=gateway.url) as http,
            ):
                await expect(page.get_by_text("No jobs here")).to_be_visible()
                job_id = await hand_over(http, ["one", "two"])
                row = page.get_by_role("row").filter(has_text=job_id)
                await expect(row.get_by_role("progressbar")).to_have_js_property("value", 50)
                await expect(row).to_contain_text("Running")
                api.go_on.set()
                await expect(row).to_contain_text("Completed")
                await expect(page.locator(".figures")).to_contain_text("Keywords failed1")
                await expect(page.locator(".calls")).to_contain_text("1 failed")
                assert await violations(page) == []
                await row.get_by_role("link").click()
                await expect(page).to_have_url(f"{gateway.url}/logs/{job_id}?pipeline={job_id}")
