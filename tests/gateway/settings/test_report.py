"""What is shown of settings."""

import pytest

from gateway.settings.model import Settings
from gateway.settings.report import reference_lines, setting_lines, visible_settings
from gateway.settings.sources import load_settings

SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", SECRET),
        ("DATABASE_URL", f"postgresql://otto:{SECRET}@db/otto"),
        ("DATABASE_URL", f"postgresql://otto:a@b/{SECRET}@db/otto"),
        ("POLLING_DATABASE_URL", f"postgresql://db/otto?user=x&password={SECRET}"),
        ("JWKS_URL", f"https://user:{SECRET}@id.example/jwks"),
        ("JWKS_URL", f"https://id.example/jwks?api_key={SECRET}"),
        ("JWT_PUBLIC_KEY", f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"),
    ],
)
def test_no_secret_is_shown(name: str, value: str) -> None:
    """Neither secrets nor passwords in addresses are in any form of a setting that is printed."""
    settings = load_settings(None, {name: value})
    shown = "\n".join([*setting_lines(settings), str(visible_settings(settings)), repr(settings.jwt_secret)])
    assert SECRET not in shown
    assert name in visible_settings(settings, changed_only=True)


def test_an_address_without_a_password_is_shown_as_it_is() -> None:
    """Hiding does not touch what is no secret."""
    settings = load_settings(None, {"DATABASE_URL": "sqlite:////var/lib/a:b@c/otto.db", "HOST": "::1"})
    assert visible_settings(settings, changed_only=True) == {
        "DATABASE_URL": "sqlite:////var/lib/a:b@c/otto.db",
        "HOST": "::1",
    }


def test_the_reference_names_every_setting_with_its_meaning() -> None:
    """The table has a row per setting, and none without a description."""
    rows = list(reference_lines())[2:]
    assert len(rows) == len(Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())
    assert "| `MAX_CONNECTIONS` | `1000` | number |" in rows[0]
