"""Runs ten real builds that fail through ``otto-logs run``, and prints what their summaries say of them.

Then each is opened in Chromium by a click in the list of tasks: printed is the time until its cause is on the screen
(1280 by 800) without a key. The exit code is the number of builds whose first error or likely cause is not what a
reader would point at, or is not on the screen.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from otto_logs import LogReader
from playwright.async_api import Page

from tests.failing_builds.builds import BUILDS, Build
from tests.support.commands import otto_logs
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.web_pages import launched, new_context

SHOWN_CHARACTERS = 70
SCREEN = {"width": 1280, "height": 800}
# From the click to the first frame that has the cause within the screen: on the card, or in a line.
SEEN = """([task, cause]) => new Promise((resolve) => {
    const link = document.querySelector(`a[data-row][title="${task}"]`)
    const started = performance.now()
    const look = () => {
        const found = [...document.querySelectorAll('.log-card-cause, .log-row')].some((element) => {
            const {top, bottom} = element.getBoundingClientRect()
            return element.checkVisibility({visibilityProperty: true}) && top >= 0 && bottom <= innerHeight
                && element.textContent.includes(cause)
        })
        const took = performance.now() - started
        if (found || took > 20000) resolve(found ? took : -1)
        else requestAnimationFrame(look)
    }
    link.click()
    look()
})"""


def task_of(build: Build) -> str:
    """The name of its task."""
    return build.name.replace(" ", "-").replace(",", "")


async def seen_after(page: Page, gateway: GatewayProcess, build: Build) -> float:
    """Milliseconds from the click on a task to its cause on the screen; below 0: it is not there after 20 s."""
    await page.goto(f"{gateway.url}/?search={task_of(build)}")
    await page.locator("a[data-row]").first.wait_for()
    return float(await page.evaluate(SEEN, [task_of(build), build.cause]))


async def read_in_chromium(gateway: GatewayProcess, builds: Sequence[Build]) -> int:
    """Open each of them; how many do not show their cause."""
    hidden = 0
    print("\nmilliseconds from the click on the task to its cause on the screen, no key, three times:")
    async with launched() as browser:
        page = await (await new_context(browser, viewport=SCREEN)).new_page()
        for build in builds:
            took = [await seen_after(page, gateway, build) for _ in range(3)]
            hidden += min(took) < 0
            print(f"{build.name:18} {' '.join(f'{each:6.0f}' for each in took)}", flush=True)
    return hidden


async def run(gateway: GatewayProcess, build: Build, directory: Path) -> tuple[str, bool, bool]:
    """The cause in one line, and whether first error and cause are right."""
    for name, content in build.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
    task = task_of(build)
    environment = {"OTTO_GATEWAY": gateway.grpc_address, "OTTO_URL": gateway.url}
    script = f"cd {directory} && {build.command}"
    await otto_logs("run", "--task", task, "--", "bash", "-c", script, environment=environment)
    async with LogReader(gateway.url) as logs:
        summary = await logs.summary(task, characters=100_000)
    first, cause = summary["firstError"], summary["cause"]
    is_first_right = build.first_error in first["message"] if first is not None else not build.first_error
    said = [cause["headline"], *cause["lines"]] if cause is not None else []
    return cause["headline"] if said else "(none)", is_first_right, any(build.cause in line for line in said)


async def main() -> int:
    """All builds that the machine has the tools for."""
    wrong, ran = 0, []
    print(f"{'build':18} {'first error':12} {'cause':8} headline")
    with tempfile.TemporaryDirectory(prefix="otto-failing-") as folder:
        async with running_gateway(Path(folder) / "gateway") as gateway:
            for number, build in enumerate(BUILDS):
                if shutil.which(build.program) is None:
                    print(f"{build.name:18} not run: there is no {build.program}")
                    continue
                directory = Path(folder) / str(number)
                directory.mkdir()
                headline, first, cause = await run(gateway, build, directory)
                wrong += not (first and cause)
                ran.append(build)
                marks = ["right" if each else "WRONG" for each in (first, cause)]
                print(f"{build.name:18} {marks[0]:12} {marks[1]:8} {headline[:SHOWN_CHARACTERS]}", flush=True)
            wrong += await read_in_chromium(gateway, ran)
    return wrong


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
