"""Validators and generators that nobody here wrote, each once, on the documents of a running gateway."""

import importlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openapi_spec_validator
import pytest
import pytest_asyncio

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.programs import NODE_DIRECTORY, node_directory, program
from tests.support.waiting import WAIT_SECONDS_MAX

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
COMPILER = {
    "compilerOptions": {
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "target": "ES2022",
        "module": "NodeNext",
        "lib": ["ES2022", "DOM", "DOM.Iterable"],
        "types": [],
        "outDir": "built",
    }
}

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    async with running_gateway(tmp_path_factory.mktemp("gateway")) as gateway, httpx2.AsyncClient() as http:
        for name in ("openapi", "asyncapi"):
            answer = await http.get(f"{gateway.url}/{name}.json")
            (gateway.directory / f"{name}.json").write_bytes(answer.content)
        yield gateway


def run(*command: object, cwd: Path = NODE_DIRECTORY, **options: Any) -> str:
    """Standard output of a program that has to end well."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS_MAX * 3,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node_tool(name: str) -> Path:
    """A program of the packages in ``tests/node``."""
    program("node")
    tool = node_directory() / "node_modules/.bin" / name
    if not tool.exists():
        pytest.skip(f"{name} is not installed in tests/node: `make setup-tests`")
    return tool


def test_the_validator_of_openapi_finds_nothing(gateway: GatewayProcess) -> None:
    """openapi-spec-validator, by the standard's schema and rules."""
    openapi_spec_validator.validate(json.loads((gateway.directory / "openapi.json").read_text()))


@pytest.mark.node
def test_the_linter_of_openapi_finds_nothing(gateway: GatewayProcess) -> None:
    """Redocly's recommended rules; what is switched off has its reason in ``redocly.yaml``."""
    options = ("--config", "redocly.yaml", "--format", "json")
    output = run(node_tool("redocly"), "lint", gateway.directory / "openapi.json", *options, env={**QUIET, **_path()})
    assert json.loads(output[output.index("{") :])["problems"] == []


@pytest.mark.node
def test_the_parser_of_asyncapi_finds_nothing(gateway: GatewayProcess) -> None:
    """But that there is a newer version of AsyncAPI."""
    document = (gateway.directory / "asyncapi.json").read_text()
    node_tool("openapi-ts")  # installed with it
    found = json.loads(run(program("node"), "asyncapi.js", input=document))
    assert found["channels"] > 0
    assert {each["code"] for each in found["diagnostics"]} <= {"asyncapi-latest-version"}


@pytest.mark.node
def test_a_generated_typescript_client_calls_the_gateway(gateway: GatewayProcess, tmp_path: Path) -> None:
    """Its types are strict, and an id with a slash, a time as text and a refusal arrive as described."""
    generate, compile_ = node_tool("openapi-ts"), node_tool("tsc")
    configuration = {
        "input": str(gateway.directory / "openapi.json"),
        "output": {"path": str(tmp_path / "client"), "importFileExtension": ".js"},
        "plugins": ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
        "logs": {"path": str(tmp_path)},
    }
    (tmp_path / "openapi-ts.config.json").write_text(json.dumps(configuration))
    run(generate, "-f", tmp_path / "openapi-ts.config.json")
    (tmp_path / "program.ts").write_bytes((NODE_DIRECTORY / "generated-client.ts").read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(json.dumps({**COMPILER, "files": ["program.ts"]}))
    run(compile_, "-p", tmp_path)
    assert json.loads(run(program("node"), tmp_path / "built/program.js", gateway.url)) == {
        "status": "healthy",
        "isSameRow": True,
        "started": 1767225600000,
        "message": "스크립트 실행 기록이 저장되었습니다.",
        "refusal": "started_at",
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_a_generated_python_client_calls_the_gateway(
    gateway: GatewayProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its generator warns of nothing, and its functions and types do what the description says."""
    # Formatting is not what is tested, and bodies of plain text it knows as bytes only.
    configuration = "post_hooks: []\ncontent_type_overrides: {text/plain: application/octet-stream}\n"
    (tmp_path / "configuration.yml").write_text(configuration)
    options = ("--meta", "none", "--fail-on-warning", "--config", tmp_path / "configuration.yml")
    run(
        *(Path(sys.executable).with_name("openapi-python-client"), "generate", *options),
        *("--path", gateway.directory / "openapi.json", "--output-path", tmp_path / "generated_client"),
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def part(name: str) -> Any:
        return importlib.import_module(f"generated_client.{name}")

    models = part("models")
    async with part("client").Client(base_url=gateway.url, raise_on_unexpected_status=True) as client:
        body = models.NodeExecution(status=models.NodeExecutionStatus.COMPLETED, execution_id="python", node_id="n")
        logged = await part("api.executions.log_node_execution").asyncio(client=client, body=body)
        listed = await part("api.executions.list_node_executions").asyncio(client=client, execution_id="python")
        assert [row.id for row in listed.logs] == [logged.log_id]
        refused = await part("api.executions.list_node_executions").asyncio(client=client, limit=0)
        assert (refused.error.code, refused.error.field) == ("INVALID_ARGUMENT", "limit")
        assert (await part("api.operation.read_health").asyncio(client=client)).status == "healthy"


def _path() -> dict[str, str]:
    return {"PATH": str(Path(program("node")).parent)}
