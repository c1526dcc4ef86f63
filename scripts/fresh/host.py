"""How this machine reaches packages: files and variables that an empty system needs to reach the same."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["apt_sources", "files", "mirror", "variables"]

_VARIABLES = re.compile(
    r"(pip|npm_config|uv)_\w+|(http|https|no|all)_proxy|\w+_ca_(bundle|certs)|ssl_cert_\w+", re.IGNORECASE
)
_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/xdg/pip")
_HOME_FILES = (".config/pip/pip.conf", ".pip/pip.conf", ".npmrc")
CERTIFICATES = "/usr/local/share/ca-certificates"
"""Where Debian's ``ca-certificates`` takes further ones from once it is installed."""


def variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Proxies, certificates and indexes."""
    return {name: value for name, value in environment.items() if _VARIABLES.fullmatch(name)}


def files(home: str) -> Iterator[tuple[Path, str]]:
    """Files and folders of this machine, with where they belong in a system whose user lives in ``home``."""
    for name in (*_FILES, CERTIFICATES):
        yield Path(name), name
    for path in sorted(Path("/etc/apt/apt.conf.d").glob("*")):
        if "Acquire::" in path.read_text(errors="replace"):
            yield path, str(path)
    for name in _HOME_FILES:
        yield Path.home() / name, f"{home}/{name}"


def apt_sources(suite: str, directory: Path = Path("/etc/apt")) -> str:
    """The lines for ``suite`` and its updates from this machine's lists, in the one-line form; empty: it has none."""
    lines: list[str] = []
    for path in [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*.list"))]:
        if path.exists():
            lines += [line for line in path.read_text().splitlines() if re.match(rf"deb [^#]*\s{suite}(\S*)\s", line)]
    for path in sorted((directory / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^(\w[\w-]*): *(.*)$", stanza, re.MULTILINE))
            suites = [each for each in fields.get("Suites", "").split() if each.startswith(suite)]
            lines += [
                f"deb {uri} {each} {fields['Components']}" for uri in fields.get("URIs", "").split() for each in suites
            ]
    return "".join(f"{line}\n" for line in lines)


def mirror(sources: str, suite: str) -> list[str]:
    """The address that has ``suite`` itself, as an argument for debootstrap; none: its own default."""
    match = re.search(rf"^deb (?:\[.*\] )?(\S+) {suite} ", sources, re.MULTILINE)
    return [match[1]] if match else []
