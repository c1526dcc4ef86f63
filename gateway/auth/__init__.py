"""Who may do what: tokens, scopes, the session cookie, tickets."""

from gateway.auth.authenticator import AuthStatistics, TokenAuthenticator
from gateway.auth.interface import Authenticator
from gateway.auth.principal import ADMIN, ANONYMOUS, LOGS_READ, LOGS_WRITE, TASKS_WRITE, Principal
from gateway.auth.redaction import redact_query
from gateway.auth.routes import auth_routes
from gateway.auth.settings import AuthSettings, AuthSettingsError

__all__ = [
    "ADMIN",
    "ANONYMOUS",
    "LOGS_READ",
    "LOGS_WRITE",
    "TASKS_WRITE",
    "AuthSettings",
    "AuthSettingsError",
    "AuthStatistics",
    "Authenticator",
    "Principal",
    "TokenAuthenticator",
    "auth_routes",
    "redact_query",
]
