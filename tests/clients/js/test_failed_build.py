"""The example pages that show a failed build, as they are written, in Chromium."""

from pathlib import Path

import pytest

from tests.clients.js.test_package import compiled
from tests.support.commands import otto_logs
from tests.support.gateway_process import running_gateway
from tests.support.js_client import bundled
from tests.support.web_pages import open_page

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.xdist_group("browser sdk")]

PAGES = Path(__file__).parents[3] / "examples" / "failed-build"
TRACEBACK = [
    "collecting",
    "Traceback (most recent call last):",
    '  File "shop.py", line 3, in <module>',
    "    total(None)",
    "TypeError: unsupported operand type(s)",
]
MOUNT = """import {{ createApp }} from 'vue/dist/vue.runtime.esm-bundler.js'
{}
createApp(component, {{ taskId: new URLSearchParams(location.search).get('task') }})
  .mount(document.body.appendChild(document.createElement('div')))"""


async def test_example_pages_show_a_failed_build_with_its_cause(project: Path, tmp_path: Path) -> None:
    """React, Vue and neither: the status, the cause and the lines, each in less than 40 lines of code."""
    sources = {path.name: path.read_text() for path in PAGES.iterdir()}
    assert {name: len(text.splitlines()) < 40 for name, text in sources.items()} == dict.fromkeys(sources, True)
    sources["vue.js"] = MOUNT.format(compiled(project, sources.pop("vue.vue")))
    async with running_gateway(tmp_path) as gateway:
        build = ["printf", r"%s\n", *TRACEBACK]
        run = ["run", "--gateway", gateway.grpc_address, "--task", "build-7", "--"]
        await otto_logs(*run, "sh", "-c", '"$@"; exit 2', "sh", *build)
        for name, text in sources.items():
            (project / name).write_text(text)
            async with open_page(f"{gateway.url}/healthz/live?task=build-7", bypass_csp=True) as page:
                await page.add_script_tag(content=await bundled(project / name, from_sources=False))
                await page.locator("h1", has_text="build-7: FAILED").wait_for()
                assert "TypeError" in await page.get_by_role("alert").locator("h2").inner_text()
                assert await page.locator("ol li").all_text_contents() == TRACEBACK
