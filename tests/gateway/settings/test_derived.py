"""Every part gets the settings that are meant for it, in its own unit; each setting here has a value of its own."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.auth import TokenAuthenticator
from gateway.errors import ApiError
from gateway.history.limits import HistoryLimits
from gateway.ingest.limits import IngestLimits
from gateway.quota import Quota
from gateway.settings.derived import (
    authenticator_of,
    history_limits,
    ingest_limits,
    pipeline_limits,
    quota_of,
    request_limits,
    retention_policy,
    session_limits,
    update_limits,
)
from gateway.settings.model import Settings
from sessions.limits import Limits
from sessions.pipelines import PipelineLimits
from sessions.updates import UpdateLimits
from storage.retention.policy import RetentionPolicy
from storage.retention.rules import parse_rules

SECRET = "s" * 32


def settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


def refused(quota: Quota, **keys: str) -> int:
    """How many connections there are before one is refused."""
    for count in range(10):
        try:
            quota.enter(**keys)
        except ApiError:
            return count
    return -1


def test_sessions_pipelines_and_updates() -> None:
    """Minutes of the settings are seconds of the parts."""
    times = {"heartbeat_interval_seconds": 7, "session_timeout_minutes": 3}
    sizes = {"window_bytes_per_task": 2000, "window_bytes_total": 3000, "run_bytes_total": 4000}
    counts = {"max_connections": 4, "buffer_size": 5, "backpressure_threshold": 6}
    of = settings(**times, **sizes, **counts)
    in_seconds = {"heartbeat_seconds": 7, "timeout_seconds": 180}
    assert session_limits(of) == Limits(sessions_max=4, buffer_lines=5, lagging_lines=6, **in_seconds, **sizes)
    assert pipeline_limits(of) == PipelineLimits(**in_seconds)
    assert update_limits(of) == UpdateLimits(**in_seconds)


def test_history_limits_are_those_of_the_settings() -> None:
    """Each limit of a request for the past."""
    given = {"lines_max": 2, "bytes_max": 2000, "seconds_max": 3, "hits_max": 4, "scans_max": 5}
    of = settings(**{f"history_{name}": value for name, value in given.items()})
    assert history_limits(of) == HistoryLimits(**given)  # type: ignore[arg-type] # numbers, by their fields' names


def test_ingest_limits_are_those_of_the_settings() -> None:
    """Each limit of producers."""
    of = settings(message_bytes_max=2000, request_bytes_max=3000, max_producers=4, pending_bytes_max=5000)
    wanted = IngestLimits(message_bytes_max=2000, request_bytes_max=3000, streams_max=4, gathered_bytes_max=5000)
    assert ingest_limits(of) == wanted


def test_request_limits_are_those_of_the_settings() -> None:
    """Head and body have the same time each."""
    limits = request_limits(settings(request_seconds_max=7), Quota())
    assert (limits.head_seconds, limits.body_seconds) == (7, 7)


def test_retention_policy_counts_days_in_seconds() -> None:
    """Days of the settings are seconds of the policy, and 0 is no limit."""
    rules = "golden=keep,*=3d"
    of = settings(retention_days=2, retention_bytes=3, retention_tasks=4, retention_rules=rules)
    assert retention_policy(of) == RetentionPolicy(
        age_seconds=timedelta(days=2).total_seconds(), bytes_max=3, tasks_max=4, rules=parse_rules(rules)
    )
    none = dict.fromkeys(("retention_days", "retention_bytes", "retention_tasks"), 0)
    assert retention_policy(settings(**none)) == RetentionPolicy()


def test_quotas_count_by_subject_only_where_tokens_tell_subjects_apart() -> None:
    """By subject only where tokens tell subjects apart: where everybody is let in, all would share one place."""
    limits = {"max_connections_per_principal": 2, "max_connections_per_address": 3, "trusted_proxies": "10.0.0.1"}
    closed, opened = (quota_of(settings(**limits, jwt_secret=secret)) for secret in (SECRET, None))
    assert [refused(quota, principal="anonymous") for quota in (closed, opened)] == [2, -1]
    assert [refused(quota, address="203.0.113.7") for quota in (closed, opened)] == [3, 3]
    assert refused(opened, address="10.0.0.1") == -1


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"jwt_issuer": "i", "jwt_audience": "a"}, "issuer", "i"),
        ({"jwt_issuer": "i", "jwt_audience": "a"}, "audience", "a"),
        ({"ticket_ttl_seconds": 7}, "ticket_ttl_seconds", 7),
        ({"query_tokens": False}, "query_tokens", False),
        ({"cookie_samesite": "lax"}, "cookie_samesite", "lax"),
        ({"cookie_samesite": "lax"}, "cookie_secure", None),
        ({"cookie_samesite": "none"}, "cookie_secure", True),
    ],
)
def test_auth_settings_are_those_of_the_settings(given: dict[str, Any], name: str, value: object) -> None:
    """Each setting of tokens, tickets and cookies; a cookie for other sites is sent over HTTPS only."""
    authenticator: TokenAuthenticator = authenticator_of(settings(jwt_secret=SECRET, **given))
    assert getattr(authenticator.settings, name) == value
