import resource
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.commands.file_limits import allow_open_files
from gateway.settings.model import Settings

SETTINGS = Settings(max_connections=1_000, max_producers=500)
NEEDED = 2 * 1_000 + 500 + 512


@pytest.mark.parametrize(
    ("limits", "raised", "is_enough"),
    [
        ((1_024, 4_096), (NEEDED, 4_096), True),
        ((1_024, resource.RLIM_INFINITY), (NEEDED, resource.RLIM_INFINITY), True),
        ((1_024, 2_000), (2_000, 2_000), False),
        ((NEEDED, 4_096), None, True),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, True),
    ],
)
def test_allow_open_files_raises_the_soft_limit_to_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: tuple[int, int] | None, is_enough: bool
) -> None:
    """Or to the hard one, which is logged when it is too low."""
    made: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: made.append(wanted))
    with capture_logs() as logs:
        allow_open_files(SETTINGS)
    assert made == ([] if raised is None else [raised])
    assert [each["event"] for each in logs] == ([] if is_enough else ["open file limit too low for settings"])
