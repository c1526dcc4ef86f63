"""A page of another origin against a gateway without credentials."""

from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser
from starlette.responses import HTMLResponse

from tests.support.gateway_process import running_gateway
from tests.support.http_server import serve
from tests.support.waiting import until
from tests.support.web_pages import new_context

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]

PATH = "/api/logs/node-execution"
BODY = '{"execution_id": "%s", "script_id": "s", "node_id": "n", "status": "running"}'

FETCH = """
    ([url, body]) => fetch(url, {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body})
        .then(() => true, () => true)
"""
BEACON = "([url, body]) => navigator.sendBeacon(url, body)"
FORM = """
    ([url, body]) => {
        const form = document.createElement("form");
        Object.assign(form, {action: url, method: "POST", enctype: "text/plain", target: "frame"});
        const field = document.createElement("input");
        // Sent as name=value: the sign stands inside of a string.
        [field.name, field.value] = [body.slice(0, -1) + ', "node_name": "', '"}'];
        form.append(field);
        document.body.append(form);
        const loaded = new Promise(resolve => { document.querySelector("iframe").onload = resolve; });
        form.submit();
        return loaded.then(() => true);
    }
"""


# Threat: somebody with a gateway on this machine looks at a page of a stranger.
async def test_a_page_of_another_origin_writes_nothing(browser: Browser, tmp_path: Path) -> None:
    """Neither with ``fetch``, nor a beacon, nor a form; a program that sends no origin writes."""
    page_of_a_stranger = HTMLResponse("<!doctype html><iframe name=frame></iframe>")
    async with running_gateway(tmp_path) as gateway, serve(page_of_a_stranger) as address:
        url = gateway.url + PATH
        page = await (await new_context(browser)).new_page()
        ended: list[str] = []
        for event in ("requestfinished", "requestfailed"):
            page.on(event, lambda request: ended.append(request.url))
        await page.goto(address.replace("127.0.0.1", "localhost"))
        for name, way in {"fetch": FETCH, "beacon": BEACON, "form": FORM}.items():
            assert await page.evaluate(way, [url, BODY % name])
        await until(lambda: ended.count(url) == 3, "all three requests have ended")
        await page.context.close()
        async with httpx2.AsyncClient() as http:
            (await http.post(url, content=BODY % "program")).raise_for_status()
            rows = (await http.get(url)).json()
    assert [row["execution_id"] for row in rows["logs"]] == ["program"]
