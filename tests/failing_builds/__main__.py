"""Runs ten real builds that fail through ``otto-logs run``, and prints what their summaries say of them.

The exit code is the number of builds whose first error or likely cause is not what a reader would point at.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from otto_logs import LogReader

from tests.failing_builds.builds import BUILDS, Build
from tests.support.commands import otto_logs
from tests.support.gateway_process import GatewayProcess, running_gateway

SHOWN_CHARACTERS = 70


async def run(gateway: GatewayProcess, build: Build, directory: Path) -> tuple[str, bool, bool]:
    """The cause in one line, and whether first error and cause are right."""
    for name, content in build.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
    task = build.name.replace(" ", "-").replace(",", "")
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
    wrong = 0
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
                marks = ["right" if each else "WRONG" for each in (first, cause)]
                print(f"{build.name:18} {marks[0]:12} {marks[1]:8} {headline[:SHOWN_CHARACTERS]}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
