import pytest

from gateway.settings.extras import require_extra
from gateway.settings.sources import SettingsError


def test_require_extra_says_what_is_missing_and_what_installs_it() -> None:
    """In one sentence; what is there is imported."""
    require_extra("batch-jobs", ["json", "pathlib"], needed_for="X=1")
    with pytest.raises(SettingsError) as raised:
        require_extra("batch-jobs", ["json", "no_such_module_at_all"], needed_for="X=1")
    assert raised.value.problems == ("X=1 needs no_such_module_at_all: pip install 'otto-log-gateway[batch-jobs]'",)
