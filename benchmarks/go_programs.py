"""The load client for Otto's wire, and the Go server that the gateway is compared with, on Debian's Go and grpc-go."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["LOAD", "SERVER", "build", "why_missing"]

_SOURCE: Final = Path(__file__).parent / "peers" / "otto_wire"
_CONTRACTS: Final = Path(__file__).parents[1] / "proto"
_CONTRACT: Final = "ottoscaler/v1/log_streaming.proto"
_HOME: Final = Path(__file__).with_name("build") / "go"
_PACKAGES: Final = Path("/usr/share/gocode")
_PROGRAMS: Final = ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc")

LOAD: Final = _HOME / "load"
SERVER: Final = _HOME / "server"


def why_missing() -> str:
    """What has to be installed, in words; empty: nothing."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if not (_PACKAGES / "src/google.golang.org/grpc").is_dir():
        missing.append("golang-google-grpc-dev")
    return ", ".join(missing)


def build() -> None:
    """Compile what is older than its source.

    Raises:
        subprocess.CalledProcessError: a compiler said no; its words are on stderr.
    """
    sources = [_CONTRACTS / _CONTRACT, *_SOURCE.iterdir()]
    newest = max(path.stat().st_mtime for path in sources)
    if all(binary.exists() and binary.stat().st_mtime > newest for binary in (LOAD, SERVER)):
        return
    generated = _HOME / "src"
    generated.mkdir(parents=True, exist_ok=True)
    package = f"M{_CONTRACT}=otto.bench/ottopb"
    options = [f"--go_out={generated}", f"--go_opt={package}", f"--go-grpc_out={generated}", f"--go-grpc_opt={package}"]
    subprocess.run(["protoc", f"-I{_CONTRACTS}", *options, _CONTRACT], check=True)
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": f"{_HOME}:{_PACKAGES}", "GOCACHE": str(_HOME / "cache")}
    for binary in (LOAD, SERVER):
        subprocess.run(["go", "build", "-o", binary, _SOURCE / f"{binary.name}.go"], check=True, env=environment)
