"""What is published of the gateway: the packages, and in them the built pages."""

import asyncio
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx2
import pytest

from gateway.viewer.built_files import built_files
from tests.support.gateway_process import GatewayProcess

ROOT = Path(__file__).parents[1]
PACKAGES = ("filters", "sessions", "storage", "gateway", "components", "canary")

pytestmark = pytest.mark.skipif(not built_files(), reason="the viewer's pages are not built; run `make viewer`")


async def built(kind: str, source: Path, directory: Path) -> Path:
    """The distribution that ``source`` makes."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)]
    process = await asyncio.create_subprocess_exec(*command, cwd=source, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    (path,) = directory.iterdir()
    return path


async def test_a_wheel_contains_the_packages_and_the_built_pages(tmp_path: Path) -> None:
    """Every module, every file of the pages, and nothing of what is around them."""
    with zipfile.ZipFile(await built("wheel", ROOT, tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "gateway/viewer/built").rglob("*") if path.is_file()}
    marks = {f"{package}/py.typed" for package in PACKAGES}
    assert names == modules | marks | pages | {"gateway/interface_docs/docs.css"}


async def test_an_installed_gateway_serves_its_pages(tmp_path: Path) -> None:
    """A wheel that was made from the sources that are published, away from the repository, without Node."""
    with tarfile.open(await built("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path)  # without a filter: Debian 12 has a Python that knows none
        (top,) = {name.split("/")[0] for name in archive.getnames()}
    assert {path.name for path in (tmp_path / top).iterdir()} == {
        *PACKAGES,
        *("README.md", "README.ko.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"),
    }
    with zipfile.ZipFile(await built("wheel", tmp_path / top, tmp_path / "wheel")) as wheel:
        wheel.extractall(tmp_path / "installed")
    page = tmp_path / "installed/gateway/viewer/built/index.html"
    page.write_text(page.read_text().replace("</head>", "<!-- installed --></head>"))
    gateway = GatewayProcess(tmp_path / "run", PYTHONPATH=str(tmp_path / "installed"))
    gateway.command = (sys.executable, "-c", "from gateway.commands.main import main; main()", "serve")
    await gateway.start()
    try:
        async with httpx2.AsyncClient(base_url=gateway.url) as client:
            answer = await client.get("/")
            assert "<!-- installed -->" in answer.text
            script = answer.text.split(' src="')[1].split('"')[0]
            assert (await client.get(script)).headers["Content-Type"].startswith("text/javascript")
    finally:
        await gateway.stop()
