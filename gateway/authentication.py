"""The authenticator that the settings ask for."""

from typing import Final

from gateway.auth import Authenticator, AuthSettings, AuthSettingsError
from gateway.settings import Settings
from gateway.settings_sources import SettingsError

__all__ = ["authenticator_of"]

_NAMES: Final = {"issuer": "JWT_ISSUER", "audience": "JWT_AUDIENCE"}


def authenticator_of(settings: Settings) -> Authenticator:
    """Make it; reads the public key's file, and asks nobody.

    Raises:
        SettingsError: a credential is unusable.
    """
    key_file = settings.jwt_public_key_file
    try:
        return Authenticator(
            AuthSettings(
                jwt_secret=settings.jwt_secret.get_secret_value() if settings.jwt_secret else None,
                jwt_public_key=str(key_file) if key_file else settings.jwt_public_key,
                jwks_url=settings.jwks_url,
                issuer=settings.jwt_issuer,
                audience=settings.jwt_audience,
                cookie_samesite=settings.cookie_samesite,
                cookie_secure=True if settings.cookie_samesite == "none" else None,
                ticket_ttl_seconds=settings.ticket_ttl_seconds,
            )
        )
    except AuthSettingsError as error:
        name = _NAMES.get(error.field, error.field.upper())
        if error.field == "jwt_public_key" and key_file:
            name = "JWT_PUBLIC_KEY_FILE"
        raise SettingsError([str(error).replace(error.field, name, 1)]) from error
