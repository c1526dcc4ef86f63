"""What all components have in common."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.automation.commands import automation
from gateway.app import Gateway
from gateway.commands.preflight import problems_of
from gateway.components import COMPONENTS
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError

FOLDERS = {path.parent.name for path in (Path(__file__).parents[2] / "components").glob("*/__init__.py")}
NAVER = {"naver_client_id": "id", "naver_client_secret": "secret"}
EXTRAS = [
    ("dateutil", {"automation_enabled": True}, "AUTOMATION_ENABLED needs dateutil", "automation"),
    ("mcp", {"mcp_enabled": True}, "MCP_ENABLED needs mcp", "mcp"),
    ("PIL", {"automation_enabled": True}, "AUTOMATION_ENABLED needs PIL", "automation"),
    ("httpx2", NAVER, "NAVER_CLIENT_ID needs httpx2", "batch-jobs"),
]


def test_every_component_is_mounted() -> None:
    """A folder below ``components`` is one component, and the list of ``gateway.app`` has them all."""
    assert {kind.__module__ for kind in COMPONENTS} == {f"components.{name}.component" for name in FOLDERS}
    assert len(FOLDERS) == len(COMPONENTS)


@pytest.mark.parametrize(("module", "given", "said", "extra"), EXTRAS)
async def test_a_component_without_its_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, given: dict[str, object], said: str, extra: str
) -> None:
    """In one sentence, before a database is made; ``otto-gateway check`` says the same."""
    monkeypatch.setitem(sys.modules, module, None)
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    settings = Settings.model_validate({**ports, **given, "database_url": f"sqlite:///{tmp_path}/otto.db"})
    sentence = f"{said}: pip install 'otto-log-gateway[{extra}]'"
    with pytest.raises(SettingsError) as raised:
        await Gateway.start(settings)
    assert raised.value.problems == (sentence,)
    assert problems_of(settings) == [sentence]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("module", "given", "said", "extra"), EXTRAS)
def test_a_component_that_is_off_needs_no_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, given: dict[str, object], said: str, extra: str
) -> None:
    """A gateway that only streams is installed without them."""
    monkeypatch.setitem(sys.modules, module, None)
    for kind in COMPONENTS:
        kind.check(Settings())


@pytest.mark.parametrize("arguments", [["run"], ["add", "a title"], ["list"]], ids=" ".join)
def test_the_automation_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Without the extra, in one sentence and with no database made."""
    monkeypatch.setitem(sys.modules, "dateutil", None)
    result = CliRunner().invoke(automation, [*arguments, "--database", f"sqlite:///{tmp_path}/queue.db"])
    assert result.exit_code == 1
    assert result.output == ("Error: the automation queue needs dateutil: pip install 'otto-log-gateway[automation]'\n")
    assert list(tmp_path.iterdir()) == []
