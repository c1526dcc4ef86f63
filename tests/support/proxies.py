"""The reverse proxies of ``deploy/proxies``, each before two gateways, with its own configuration file."""

import contextlib
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.support.certificates import Authority
from tests.support.gateway_process import GatewayProcess
from tests.support.nginx import nginx_command
from tests.support.ports import free_port
from tests.support.programs import program, running_program
from tests.support.waiting import attempts

__all__ = ["PROXIES", "Proxy", "running_proxy"]

FILES = Path(__file__).parents[2] / "deploy" / "proxies"
_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running one; ``authority`` is the certificate that its own is signed with."""

    url: str
    grpc_address: str
    authority: Path


def _nginx(directory: Path, read: Callable[[str], str]) -> list[str]:
    return nginx_command(directory, read("nginx.conf"))


def _caddy(directory: Path, read: Callable[[str], str]) -> list[str]:
    (directory / "Caddyfile").write_text(read("Caddyfile").replace("http_port 80", f"http_port {free_port()}"))
    variables = [f"XDG_{name}_HOME={directory}" for name in ("DATA", "CONFIG")]
    command = [str(_BIN / "caddy"), "run", "--config", str(directory / "Caddyfile")]
    return ["/usr/bin/env", f"CADDY_ADMIN=127.0.0.1:{free_port()}", *variables, *command]


def _traefik(directory: Path, read: Callable[[str], str]) -> list[str]:
    for name in ("traefik.yaml", "traefik-otto.yaml"):
        (directory / name).write_text(read(name).replace("/etc/traefik", str(directory)))
    return [str(_BIN / "traefik"), f"--configFile={directory / 'traefik.yaml'}"]


def _haproxy(directory: Path, read: Callable[[str], str]) -> list[str]:
    (directory / "haproxy.cfg").write_text(read("haproxy.cfg"))
    return [program("haproxy"), "-f", str(directory / "haproxy.cfg"), "-db"]


def _envoy(directory: Path, read: Callable[[str], str]) -> list[str]:
    (directory / "envoy.yaml").write_text(read("envoy.yaml"))
    options = ["--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"]
    return [str(_BIN / "envoy"), "-c", str(directory / "envoy.yaml"), *options]


PROXIES: dict[str, Callable[[Path, Callable[[str], str]], list[str]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "traefik": _traefik,
    "haproxy": _haproxy,
    "envoy": _envoy,
}


@contextlib.asynccontextmanager
async def running_proxy(name: str, directory: Path, gateways: Sequence[GatewayProcess]) -> AsyncIterator[Proxy]:
    """Start one; of its file only names, ports and paths are replaced by those of the test."""
    authority = Authority(directory)
    certificate, key = authority.issue("localhost")
    (directory / "tls-and-key.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    https, grpc = free_port(), free_port()

    def read(file: str) -> str:
        text = (FILES / file).read_text().replace("logs.example.com", "localhost")
        for suffix in ("-and-key.pem", ".pem", ".key"):
            path = {".pem": certificate, ".key": key}.get(suffix, directory / "tls-and-key.pem")
            text = text.replace(f"/etc/otto/tls{suffix}", str(path))
        for number, gateway in enumerate(gateways, 1):
            for port, own in ((4000, gateway.http_port), (9090, gateway.grpc_port)):
                text = re.sub(rf"gateway-{number}(:|, port_value: ){port}", rf"127.0.0.1\g<1>{own}", text)
        text = re.sub(r"((?:listen |:|port_value: ))443\b", rf"\g<1>{https}", text)
        text = re.sub(r"((?:listen |:|port_value: ))9443\b", rf"\g<1>{grpc}", text)
        return text.replace("https://localhost {", f"https://localhost:{https} {{")  # Caddy names no port

    command = PROXIES[name](directory, read)
    url = f"https://localhost:{https}"
    async with running_program(command, directory, ready_url=url) as log, httpx2.AsyncClient(verify=False) as client:
        async for _ in attempts(f"{name} finds the gateways", shown=lambda: log.read_text(errors="replace")):
            if (await client.get(f"{url}/healthz/ready")).is_success:
                break
        yield Proxy(url, f"localhost:{grpc}", authority.certificate)
