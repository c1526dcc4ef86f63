"""An empty Debian in a folder, and copies of it in which commands run."""

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.fresh import host

__all__ = ["IN_NETWORK", "USER", "Copy", "EmptyDebian", "UnableError", "own_network"]

USER = "somebody"
HOMES = {"root": "/root", USER: f"/home/{USER}"}
_PATHS = {"root": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", USER: "/usr/local/bin:/usr/bin:/bin"}
_UID = 1000
NETWORK = "otto-fresh"
IN_NETWORK = ("ip", "netns", "exec", NETWORK)
# Everything ends with the namespace: mounts, and processes that outlive their command. Its first process stays root's
# shell: one that becomes another user no longer ends with its parent.
_NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
_ENTER = """
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$UPPER,workdir=$WORK" "$MERGED"
mount -t proc proc "$MERGED/proc"
mount --rbind /sys "$MERGED/sys"
mount --rbind /dev "$MERGED/dev"
for each in $CACHES; do mkdir -p "$MERGED${each#*=}"; mount --bind "${each%%=*}" "$MERGED${each#*=}"; done
"$@"
"""


class UnableError(Exception):
    """What it takes is not on this machine."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the empty system; ``path`` is where it is changed from outside while nothing runs in it."""

    path: Path
    environment: Mapping[str, str]

    def run(
        self, command: str, *, user: str = "root", directory: str = "/", has_network: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a shell command in it; its output is shown as it comes, and returned.

        Without a network it is in the network namespace ``NETWORK``, which has a loopback interface of its own: it
        takes no port of this machine.
        """
        print(f"{user}:{directory}$ {command}", flush=True)
        inside = [f"HOME={HOMES[user]}", f"USER={user}", f"PATH={_PATHS[user]}", "LANG=C.UTF-8", "TERM=dumb"]
        inside += [f"{name}={value}" for name, value in host.variables().items()]
        become = [] if user == "root" else ["setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--init-groups"]
        script = f"cd {shlex.quote(directory)} && {command}"
        enter = ["chroot", self.environment["MERGED"], *become, "env", "-i", *inside, "sh", "-c", script]
        output: list[str] = []
        with subprocess.Popen(  # noqa: S603
            [*([] if has_network else IN_NETWORK), *_NAMESPACE, "sh", "-euc", _ENTER, "sh", *enter],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            try:
                for line in process.stdout:
                    print(f"  {line}", end="", flush=True)
                    output.append(line)
            except BaseException:  # Ctrl-C, as a rule: unshare itself takes no notice of signals
                process.kill()
                raise
        print(f"  → exit code {process.returncode}", flush=True)
        return subprocess.CompletedProcess(command, process.returncode, "".join(output))


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """The network namespace ``NETWORK``, with nothing but a loopback interface."""
    subprocess.run(["ip", "netns", "add", NETWORK], check=True)  # noqa: S603, S607
    try:
        subprocess.run([*IN_NETWORK, "ip", "link", "set", "lo", "up"], check=True)  # noqa: S603
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", NETWORK], check=True)  # noqa: S603, S607


class EmptyDebian:
    """What debootstrap makes, with python3, git and make, in ``folder``; made once."""

    def __init__(self, folder: Path, suite: str) -> None:
        self._suite = suite
        self._folder = folder
        self._base = folder / suite
        self._sources = host.apt_sources(suite)
        missing = [name for name in ("debootstrap", "unshare", "mount", "chroot") if shutil.which(name) is None]
        if os.geteuid():
            raise UnableError("it makes a system of its own, which takes root")
        if missing:
            raise UnableError(f"{', '.join(missing)} is not installed: apt-get install debootstrap")

    def make(self) -> None:
        """Make it, unless it is there.

        Raises:
            UnableError: debootstrap has failed, for example because the suite cannot be reached from here.
        """
        if (self._base / "made").exists():
            return
        packages = self._folder / "debs"
        packages.mkdir(parents=True, exist_ok=True)
        options = ["--variant=minbase", "--include=python3,git,make", f"--cache-dir={packages}"]
        address = host.mirror(self._sources, self._suite)
        done = subprocess.run(  # noqa: S603
            ["debootstrap", *options, self._suite, str(self._base), *address],  # noqa: S607
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise UnableError(f"debootstrap has failed with {done.returncode}")
        if self._sources:
            (self._base / "etc/apt/sources.list").write_text(self._sources)
        subprocess.run(["chroot", str(self._base), "useradd", "--create-home", USER], check=True)  # noqa: S603, S607
        (self._base / "made").touch()

    @contextlib.contextmanager
    def copy(self, name: str) -> Iterator[Copy]:
        """A copy with this machine's way to packages, thrown away afterwards; ``FRESH_KEEP=1`` keeps what changed."""
        place = self._folder / f"copy-{name}"
        shutil.rmtree(place, ignore_errors=True)
        paths = {key: place / key.lower() for key in ("UPPER", "WORK", "MERGED")}
        for path in paths.values():
            path.mkdir(parents=True)
        for home in HOMES.values():
            for source, target in host.files(home):
                _copied(source, paths["UPPER"] / target.lstrip("/"))
            (paths["UPPER"] / home.lstrip("/")).mkdir(parents=True, exist_ok=True)
        owned_by_user(paths["UPPER"] / HOMES[USER].lstrip("/"))
        environment = {key: str(path) for key, path in paths.items()}
        caches = " ".join(f"{source}={target}" for source, target in self._caches())
        try:
            yield Copy(paths["UPPER"], {**environment, "BASE": str(self._base), "CACHES": caches})
        finally:
            if not os.environ.get("FRESH_KEEP"):
                shutil.rmtree(place)

    def _caches(self) -> Iterator[tuple[Path, str]]:
        """What has been fetched once is not fetched again; each user has caches of their own, as elsewhere."""
        kept = self._folder / "caches"
        (kept / "apt/partial").mkdir(parents=True, exist_ok=True)
        yield kept / "apt", "/var/cache/apt/archives"
        for user, home in HOMES.items():
            for name in (".cache", ".npm"):
                path = kept / user / name
                path.mkdir(parents=True, exist_ok=True)
                os.chown(path, *([0, 0] if user == "root" else [_UID, _UID]))
                yield path, f"{home}/{name}"


def _copied(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def owned_by_user(path: Path) -> None:
    """Give everything below ``path`` to the ordinary user."""
    names: Sequence[str] = [str(path), *(str(each) for each in path.rglob("*"))]
    for name in names:
        os.chown(name, _UID, _UID, follow_symlinks=False)
