"""The JavaScript package alone: what is in it, that it installs, that its types hold, and that its examples run."""

import asyncio
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.gateway_process import running_gateway
from tests.support.js_client import JS_PACKAGE, bundled, numbered, report_stages
from tests.support.programs import program
from tests.support.waiting import WAIT_SECONDS_MAX
from tests.support.web_pages import open_page
from tests.support.worker import publish

# In one worker, so that it is packed and installed once.
pytestmark = [pytest.mark.node, pytest.mark.xdist_group("browser sdk")]

ROOT = Path(__file__).parents[3]
DEFAULT_URL = "http://127.0.0.1:4000"
LINES = [*numbered(1, 4), "warning: unused variable"]
TEXT_OF_LINES = "\n".join(LINES)

EXAMPLES = {
    "for await (const entry of openLogStream": "INFO compiling unit 1 ✓\nINFO compiling unit 2 ✓",
    "stream.on('gap'": "open  \nCOMPLETED after 5 lines\ncomplete",
    "transport: 'socket.io'": f"build-8 {LINES[0]}\nbuild-8 {LINES[1]}",
    "openSharedLogStream": TEXT_OF_LINES,
    "stored.search": "download=1&format=text",
    "before: stream.oldest": TEXT_OF_LINES,
    "client.log('build-7').events()": TEXT_OF_LINES,
    "new FakeGateway": "INFO compiling\nERROR broken\ncomplete",
    "openPipeline": "fetch STAGE_RUNNING 100 %\ndeploy STAGE_RUNNING 100 %",
}
"""What is in an example, and what it prints among other things."""


def examples(readme: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)


def test_the_package_contains_what_is_needed_and_no_more(tarball: Path) -> None:
    """Each module with its types, the one dependency, the license, the page that explains it; no sources, no tests."""
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
        license_file = archive.extractfile("package/LICENSE")
        assert license_file is not None
        assert license_file.read() == (ROOT / "LICENSE").read_bytes()
    modules = [path.relative_to(JS_PACKAGE / "src").with_suffix("") for path in (JS_PACKAGE / "src").rglob("*.ts")]
    suffixes = (".js", ".js.map", ".d.ts", ".d.ts.map")
    ours = {f"dist/{module}{suffix}" for module in modules for suffix in suffixes}
    assert {name for name in names if not name.startswith("node_modules/")} == ours | {
        "LICENSE",
        "README.md",
        "package.json",
    }
    bundled_packages = {name.split("/")[1] for name in names if name.startswith("node_modules/")}
    assert bundled_packages == {"eventsource-parser"}


@pytest.mark.parametrize("resolution", ["nodenext", "bundler"])
def test_its_types_hold_for_others(project: Path, resolution: str) -> None:
    """Under the strictest options, with the packages' own types checked too, as Node and as bundlers resolve them."""
    (project / "consumer.ts").write_text((Path(__file__).parent / "consumer.ts").read_text())
    module = "nodenext" if resolution == "nodenext" else "esnext"
    compiler = [str(JS_PACKAGE / "node_modules/.bin/tsc"), "--noEmit", "--strict", "--skipLibCheck", "false"]
    options = ["--module", module, "--moduleResolution", resolution, "--target", "es2022", "--lib", "es2023,dom"]
    result = subprocess.run([*compiler, *options, "consumer.ts"], cwd=project, capture_output=True, text=True)
    assert result.stdout == ""


async def test_examples_of_its_page_run(project: Path, tmp_path: Path) -> None:
    """Each one as it is written, with the address of the gateway for the usual one; each one ends by itself."""
    written = examples(JS_PACKAGE / "README.md", "js")
    assert len(written) == len(EXAMPLES)
    async with running_gateway(tmp_path) as gateway:
        for task in ("build-7", "build-8"):
            await publish(gateway.grpc_address, task, LINES, end=True)
        await report_stages(gateway, "worker", ("fetch", 100), ("deploy", 100))
        for number, text in enumerate(written):
            (expected,) = [output for part, output in EXAMPLES.items() if part in text]
            script = project / f"example-{number}.mjs"
            script.write_text(text.replace(DEFAULT_URL, gateway.url))
            process = await asyncio.create_subprocess_exec(
                program("node"), str(script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            output, _ = await asyncio.wait_for(process.communicate(), WAIT_SECONDS_MAX)
            assert expected in output.decode()
            assert process.returncode == 0


def test_the_component_is_the_same_everywhere_and_short() -> None:
    """A live log in React in less than ten lines."""
    places = [ROOT / "README.md", ROOT / "README.ko.md", JS_PACKAGE / "README.md"]
    first, *others = [examples(place, "jsx") for place in places]
    assert len(first) == 1
    assert all(other == first for other in others)
    assert len(first[0].splitlines()) < 10


MOUNT = {
    "readme.jsx": "import {{ createRoot }} from 'react-dom/client'\n{}\n"
    "createRoot(document.body.appendChild(document.createElement('main'))).render(<BuildLog taskId='build-7' />)",
    "readme.js": "import {{ createApp }} from 'vue/dist/vue.runtime.esm-bundler.js'\n{}\n"
    "createApp(component, {{ taskId: 'build-7' }}).mount(document.body.appendChild(document.createElement('main')))",
}
COMPILE = """
import { readFileSync } from 'node:fs'
import { compileScript, parse } from 'vue/compiler-sfc'
const { descriptor } = parse(readFileSync(0, 'utf8'))
const { content } = compileScript(descriptor, { id: 'readme', inlineTemplate: true, genDefaultAs: 'component' })
process.stdout.write(content)
"""


def compiled(project: Path, component: str) -> str:
    """A component of Vue's as a module."""
    command = [program("node"), "--input-type=module", "--eval", COMPILE]
    return subprocess.run(command, cwd=project, input=component, check=True, capture_output=True, text=True).stdout


@pytest.mark.browser
async def test_components_of_its_page_show_a_live_log(project: Path, tmp_path: Path) -> None:
    """Exactly the code that is written there, in Chromium: what was there before, and what comes."""
    (react,) = examples(JS_PACKAGE / "README.md", "jsx")
    (vue,) = examples(JS_PACKAGE / "README.md", "vue")
    sources = {"readme.jsx": react, "readme.js": compiled(project, vue)}
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build-7", LINES[:2])
        async with open_page(f"{gateway.url}/healthz/live", bypass_csp=True) as page:
            for name, source in sources.items():
                (project / name).write_text(MOUNT[name].format(source.replace(DEFAULT_URL, gateway.url)))
                await page.add_script_tag(content=await bundled(project / name, from_sources=False))
            shown = page.locator("ol li")
            await page.wait_for_function("document.querySelectorAll('ol li').length === 4")
            await publish(gateway.grpc_address, "build-7", LINES[2:])
            await page.wait_for_function("document.querySelectorAll('ol li').length === 10")
            assert await shown.all_text_contents() == LINES * 2
