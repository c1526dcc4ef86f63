"""``make docs``: the site in ``var/docs/site``, built by Zensical without a warning, with every inner link checked."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from scripts.docs.staging import Staging, navigation_pages

__all__ = ["broken_links", "build", "navigation"]

_HERE: Final = Path(__file__).parent
_VENV: Final = ".venv-docs"
_LOCK: Final = "requirements-docs.lock"
_WORKER: Final = "file-worker.js"
_FOREIGN_WORKER: Final = "https://unpkg.com/iframe-worker/shim"
_WARNING: Final = re.compile(r"^(?:warning|error)", re.IGNORECASE | re.MULTILINE)


def build(root: Path) -> int:
    """Build the site anew; the exit code."""
    folder = root / "var" / "docs"
    shutil.rmtree(folder, ignore_errors=True)
    zensical = _program(root)
    pages = frozenset(navigation(root))
    for name in ("zensical", "ko"):
        settings = _settings(name)
        staging = Staging(root, folder / settings["project"]["docs_dir"], pages, "" if name == "zensical" else name)
        titles = {page: staging.copy(page) for page in navigation_pages(root, settings["project"]["nav"])}
        settings["project"]["nav"] = _titled(root, settings["project"]["nav"], titles)
        path = folder / f"{name}.json"
        path.with_suffix(".toml").write_text(_toml(settings), encoding="utf-8")
        print(f"{name}: {len(titles)} pages", flush=True)
        done = subprocess.run(  # noqa: S603 - our own command
            [zensical, "build", "--strict", "--clean", "-f", str(path.with_suffix(".toml"))],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        if done.returncode or _WARNING.search(output):
            print(output)
            return done.returncode or 1
    _bring_worker(folder / "site")
    broken = broken_links(folder / "site")
    for each in broken:
        print(f"broken: {each}")
    print(f"{len(list((folder / 'site').rglob('*.html')))} pages in {folder / 'site'}, {len(broken)} broken links")
    return 1 if broken else 0


def navigation(root: Path, name: str = "zensical") -> list[str]:
    """All pages of the navigation; of ``ko`` those in Korean."""
    return list(navigation_pages(root, _settings(name)["project"]["nav"]))


def _settings(name: str) -> dict[str, Any]:
    """The site's settings; another language has those of English with its own in their place."""
    settings = tomllib.loads((_HERE / "zensical.toml").read_text(encoding="utf-8"))
    if name != "zensical":
        own = tomllib.loads((_HERE / f"{name}.toml").read_text(encoding="utf-8"))["project"]
        theme = settings["project"]["theme"] | own.pop("theme")
        alternate = [each | {"link": f"../{each['link']}"} for each in settings["project"]["extra"]["alternate"]]
        settings["project"] |= own | {"theme": theme, "extra": {"alternate": alternate}}
    return settings


def _titled(root: Path, entries: list[Any], titles: dict[str, str]) -> list[Any]:
    """The navigation without patterns, each page with its title, so that it does not depend on the file's name."""
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            found += [{name: _titled(root, below, titles)} for name, below in entry.items()]
        else:
            found += [{titles[page]: page} for page in navigation_pages(root, [entry])]
    return found


def _toml(value: Any) -> str:
    """Settings as TOML: one table, whose values are written as they are in JSON but for ``=``."""
    return "\n".join(f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items()) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_inline(each)}" for key, each in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _program(root: Path) -> str:
    """Zensical in a virtual environment of its own, made where there is none or the lock file has changed."""
    venv, lock = root / _VENV, root / _LOCK
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    done = venv / "lock.sha256"
    if not done.exists() or done.read_text() != digest:
        print(f"making {_VENV} from {_LOCK} …", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603 - our own command
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)  # noqa: S603 - our own command
        done.write_text(digest)
    return str(venv / "bin" / "zensical")


def _bring_worker(site: Path) -> None:
    """The search of pages that are opened as files has its worker from here, in place of an address elsewhere."""
    shutil.copyfile(_HERE / _WORKER, site / _WORKER)
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(_FOREIGN_WORKER, os.path.relpath(site / _WORKER, path.parent)), encoding="utf-8")


class _Page(HTMLParser):
    """The ids of a page, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.foreign: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if name in ("href", "src", "srcset") and value and (tag, dict(attrs).get("rel")) != ("link", "canonical"):
                self.links.append(value)
                if tag != "a" and urlsplit(value).netloc:
                    self.foreign.append(value)


def broken_links(site: Path) -> list[str]:
    """Inner links and anchors that lead nowhere, and what is fetched from elsewhere, each with its page."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        broken += [f"{path.relative_to(site)} fetches {link}" for link in page.foreign]
        if path.name == "404.html":  # its links are from the root of a server
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = pages.get(target)
            if not target.exists() or (parts.fragment and known and unquote(parts.fragment) not in known.ids):
                broken.append(f"{path.relative_to(site)} → {link}")
    return sorted(set(broken))
