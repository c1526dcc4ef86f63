"""Several workers on the same ports: what they need, and how their settings differ."""

import pytest

from gateway.commands.workers import check_workers, settings_of
from gateway.settings.sources import SettingsError, load_settings

SHARED = {"DATABASE_URL": "postgresql://db/otto"}


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, "several gateways need a journal on PostgreSQL"),
        ({**SHARED, "HTTP_PORT": "0"}, "HTTP_PORT must not be 0"),
        ({**SHARED, "GRPC_SERVER": "grpcio"}, "cannot share its port"),
    ],
)
def test_workers_that_cannot_run_are_refused(environment: dict[str, str], text: str) -> None:
    """In one sentence that names the setting."""
    with pytest.raises(SettingsError, match=text):
        check_workers(load_settings(environment=environment))


def test_each_worker_has_a_file_of_its_own() -> None:
    """The first has that of a gateway alone, so that one may become several."""
    settings = load_settings(environment={**SHARED, "POLLING_DATABASE_URL": "sqlite:////var/otto.db"})
    check_workers(settings)
    databases = [settings_of(settings, number).polling_database for number in (1, 2)]
    assert databases == ["sqlite:////var/otto.db", "sqlite:////var/otto-2.db"]
