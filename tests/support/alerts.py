"""Settings of a gateway with alerts: rules over the builds of ``tests.screenshots.content``, and two targets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.http_server import serve
from tests.support.ports import free_port

__all__ = ["alert_settings"]

RULES = """
defaults: {notify: [team], tasks: [gateway-*, web-*, nightly-*, render-*]}
rules:
  - name: failed-builds
    when: failed
    severity: critical
    description: Somebody who has merged today looks at it.
  - {name: flaky-network, filter: '"connection reset by peer"', notify: [team, pager]}
  - {name: many-retries, when: count, count: 20, within: 10m, filter: {keywords: [retrying the upload]}, severity: info}
  - {name: stuck, when: silent, for: 6h, notify: []}
"""


@asynccontextmanager
async def alert_settings(directory: Path) -> AsyncIterator[dict[str, str]]:
    """``team`` takes everything, and nobody answers at ``pager``."""

    async def take(_: Request) -> Response:
        return Response(status_code=204)

    async with serve(Starlette(routes=[Route("/hook", take, methods=["POST"])])) as url:
        (directory / "rules.yaml").write_text(RULES)
        (directory / "targets.yaml").write_text(
            f"targets:\n  team: {{webhook: '{url}/hook', allow_private: true}}\n"
            f"  pager: {{webhook: 'http://127.0.0.1:{free_port()}/', allow_private: true}}\n"
        )
        yield {"ALERT_RULES": str(directory / "rules.yaml"), "ALERT_TARGETS": str(directory / "targets.yaml")}
