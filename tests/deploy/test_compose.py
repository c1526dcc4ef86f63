"""The compose file: by the schema of its format, and its services as processes, with the environment it gives them."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest
import redis.asyncio
import yaml

from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.postgres_server import PostgresServer
from tests.support.programs import program, running_program
from tests.support.redis_server import RedisServer
from tests.support.waiting import attempts
from tests.support.worker import publish

DEPLOY = Path(__file__).parents[2] / "deploy"
FILE = DEPLOY / "compose" / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
IN_ENV_FILE = {"JWT_SECRET": "s" * 32, "POSTGRES_PASSWORD": "p", "GRAFANA_PASSWORD": "g", "REDIS_URL": ""}


def filled(text: str) -> str:
    """As compose does, with ``.env``."""
    return re.sub(r"\$\{(\w+):[?-][^}]*\}", lambda found: IN_ENV_FILE[found[1]], text)


def test_the_file_is_valid() -> None:
    """By the Compose Specification; and everything that it asks for is named in the documentation."""
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", FILE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    asked = set(re.findall(r"\$\{(\w+)", FILE.read_text()))
    assert asked == IN_ENV_FILE.keys()
    assert all(f"{name}=" in (DEPLOY.parent / "docs" / "deployment.md").read_text() for name in asked)


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
async def test_its_services_work_together(postgres: PostgresServer, tmp_path: Path) -> None:
    """The gateway is healthy, stores in PostgreSQL, listens to Redis,
    and Prometheus scrapes it with the rules loaded.
    """
    connection = await asyncpg.connect(f"postgresql://otto@127.0.0.1:{postgres.port}/postgres")
    await connection.execute("CREATE DATABASE compose ENCODING 'UTF8' TEMPLATE template0")
    await connection.close()
    environment = {name: filled(value) for name, value in SERVICES["gateway"]["environment"].items()}
    environment["DATABASE_URL"] = environment["DATABASE_URL"].replace(
        "@postgres:5432/otto", f"@127.0.0.1:{postgres.port}/compose"
    )
    environment["POLLING_DATABASE_URL"] = f"sqlite:///{tmp_path / 'otto.db'}"
    redis_server = RedisServer(tmp_path)
    redis_server.start()
    assert environment["REDIS_URL"] == ""
    gateway = GatewayProcess(tmp_path / "gateway", **environment | {"REDIS_URL": redis_server.url})
    await gateway.start()
    configuration, port = tmp_path / "prometheus.yml", free_port()
    text = (DEPLOY / "compose" / "prometheus.yml").read_text().replace("scrape_interval: 15s", "scrape_interval: 1s")
    text = text.replace("/etc/prometheus/rules.yml", str(DEPLOY / "prometheus" / "rules.yml"))
    configuration.write_text(text.replace("gateway:4000", f"{gateway.host}:{gateway.http_port}"))
    command = [program("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'series'}"]
    url = f"http://127.0.0.1:{port}"
    try:
        async with (
            running_program([*command, f"--web.listen-address=127.0.0.1:{port}"], tmp_path, ready_url=f"{url}/-/ready"),
            httpx2.AsyncClient() as client,
        ):
            refused = await client.get(gateway.stream_url("build"))
            assert refused.status_code == httpx2.codes.UNAUTHORIZED
            claims = {"scope": "logs:write", "exp": int(time.time()) + 600}
            token = jwt.encode(claims, IN_ENV_FILE["JWT_SECRET"], algorithm="HS256")
            await publish(gateway.grpc_address, "build", ["a line"], token=token)
            async for _ in attempts("the gateway is scraped"):
                found = await client.get(f"{url}/api/v1/query", params={"query": 'up{job="otto-gateway"}'})
                if found.is_success and [each["value"][1] for each in found.json()["data"]["result"]] == ["1"]:
                    break
            groups = (await client.get(f"{url}/api/v1/rules")).json()["data"]["groups"]
            assert {group["name"] for group in groups} >= {"otto-gateway-alerts", "otto-canary"}
        async with redis.asyncio.Redis.from_url(redis_server.url) as client_of_redis:
            assert await client_of_redis.pubsub_channels()  # the gateway listens there
    finally:
        await gateway.stop()
        redis_server.kill()
