"""The pages of ``docs/reference/``, made from the code that they describe."""

import asyncio
import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import httpx2
import structlog
from otto_logs._commands import otto_logs
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import Gateway
from gateway.commands.exit_codes import ExitCode
from gateway.commands.main import main as otto_gateway
from gateway.errors import error_codes
from gateway.settings.model import Settings
from gateway.settings.report import reference_lines
from scripts.docs.grpc_page import grpc_lines
from scripts.docs.interface_pages import event_lines, http_lines
from scripts.docs.markdown import table, wrapped
from sessions.close_reasons import CloseReason

__all__ = ["BANNER", "pages"]

BANNER: Final = "<!-- Made from the code by `python -m scripts.docs reference`; changes here are lost. -->"
_WIDTH: Final = 100


def pages() -> dict[str, str]:
    """Each page's text by the name of its file."""
    described = asyncio.run(_described())
    makers: dict[str, Callable[[], Iterator[str]]] = {
        "settings.md": _settings_lines,
        "cli.md": _cli_lines,
        "errors.md": _error_lines,
        "grpc.md": grpc_lines,
        "http.md": lambda: http_lines(described["/openapi.json"]),
        "events.md": lambda: event_lines(described["/asyncapi.json"]),
        "metrics.md": lambda: _metric_lines(described["/metrics"]),
    }
    return {name: _page(make()) for name, make in makers.items()}


def _page(lines: Iterator[str]) -> str:
    text = "\n".join(wrapped("\n".join([next(lines), "", BANNER, "", *lines]))).rstrip() + "\n"
    return re.sub(r"\n{3,}", "\n\n", text)


async def _described() -> dict[str, Any]:
    """What a gateway with all of its parts says of itself."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="otto-reference-") as folder:
        settings = Settings.model_validate(
            {
                **dict.fromkeys(("http_port", "websocket_port", "grpc_port", "disk_reserve_bytes"), 0),
                **dict.fromkeys(("automation_enabled", "mcp_enabled"), True),
                "database_url": f"sqlite:///{folder}/otto.db",
                "durability": "process",
                "tasks_dir": Path(folder) / "tasks",
            }
        )
        gateway = await Gateway.start(settings)
        try:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}", timeout=60) as http:
                documents = {path: (await http.get(path)).json() for path in ("/openapi.json", "/asyncapi.json")}
                return {**documents, "/metrics": (await http.get("/metrics")).text}
        finally:
            await gateway.stop()


def _settings_lines() -> Iterator[str]:
    yield "# Settings"
    yield "Every setting of `otto-gateway`: an environment variable, or a key of the file that `--config` names."
    yield "`otto-gateway settings` prints what is set. What they are for is in [operations](../operations.md#settings)."
    yield ""
    yield from reference_lines()


def _metric_lines(text: str) -> Iterator[str]:
    yield "# Metrics"
    yield "What `GET /metrics` has for Prometheus. No label names a task, a worker or a user. Rules and a dashboard for"
    yield "them: [deployment](../deployment.md#prometheus-and-grafana)."
    yield ""
    families = sorted(text_string_to_metric_families(text), key=lambda family: family.name)
    names = ((family.name + "_total" * (family.type == "counter"), family) for family in families)
    rows = [(f"`{name}`", family.type, family.documentation) for name, family in names if not name.endswith("_created")]
    yield from table(("metric", "type", "meaning"), rows)


def _error_lines() -> Iterator[str]:
    yield "# Errors and ends"
    yield "What every interface answers if it refuses or fails, why streams end, and what commands exit with."
    yield "What to do about a message is in [troubleshooting](../troubleshooting.md)."
    yield ""
    yield "## Codes"
    yield 'Over HTTP and Socket.IO: `{"error": {"code", "message", "field"?}}`. Over gRPC: the status, and the message.'
    yield ""
    codes = ((f"`{code}`", f"{http.value} {http.phrase}", f"`{grpc.name}`") for code, http, grpc in error_codes())
    yield from table(("code", "HTTP", "gRPC"), codes)
    yield "## Ends of streams"
    yield "The event `complete`, `error` or `close` of a stream has the code; Socket.IO and the SDKs have the number."
    yield ""
    reasons = ((r.number, f"`{r.code}`", r.text, "yes" if r.may_reconnect else "no") for r in CloseReason)
    yield from table(("number", "code", "meaning", "come back"), reasons)
    yield "## Exit codes of `otto-gateway`"
    yield ""
    yield from table(("code", "meaning"), ((code.value, code.meaning) for code in ExitCode))
    yield "Those of `otto-logs` are in [its help](cli.md#otto-logs)."


def _cli_lines() -> Iterator[str]:
    yield "# Commands"
    yield "The help of every command of `otto-gateway` (the server) and `otto-logs` (the client)."
    yield ""
    for name, command in (("otto-gateway", otto_gateway), ("otto-logs", otto_logs)):
        yield from _command_lines(command, name, None, 2)


def _command_lines(command: click.Command, name: str, parent: click.Context | None, depth: int) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=_WIDTH, terminal_width=_WIDTH)
    yield f"{'#' * min(depth, 4)} {context.command_path}"
    yield from ("```text", *(line.rstrip() for line in command.get_help(context).splitlines()), "```", "")
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from _command_lines(found, child, context, depth + 1)
