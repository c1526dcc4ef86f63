"""Settings: names, sources, values."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.derived import retention_policy
from gateway.settings.model import Settings
from gateway.settings.report import visible_settings
from gateway.settings.sources import SettingsError, load_settings

SPECIFIED = {
    "maxConnections": 1000,
    "sessionTimeoutMinutes": 30,
    "bufferSize": 1000,
    "heartbeatIntervalSeconds": 30,
    "backpressureThreshold": 500,
    "enableCompression": True,
    "debugMode": False,
}
"""The specification's table; names are camelCase there."""


def snake(camel: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel)


def problems(environment: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environment)
    return "\n".join(caught.value.problems)


def test_defaults_are_the_specified_ones() -> None:
    """Without any setting everything has the default of the specification."""
    settings = load_settings(None, {})
    for name, default in SPECIFIED.items():
        assert getattr(settings, snake(name)) == default
    assert (settings.http_port, settings.websocket_port, settings.grpc_port) == (4000, 3001, 9090)
    assert (settings.database_url, settings.durability, settings.log_level) == ("sqlite:///otto.db", "full", "INFO")
    assert settings.polling_database == settings.database_url


@pytest.mark.parametrize(
    ("environment", "file", "expected"),
    [
        ({"NODE_ENV": "development"}, "", True),
        ({"NODE_ENV": "production"}, "", False),
        ({"NODE_ENV": "development", "DEBUG_MODE": "false"}, "", False),
        ({"NODE_ENV": "development"}, "debugMode = false", False),
    ],
)
def test_development_is_debugged(environment: dict[str, str], file: str, expected: bool, tmp_path: Path) -> None:
    """``NODE_ENV`` sets ``debugMode`` as in the older system, unless the setting itself is given."""
    (tmp_path / "otto.toml").write_text(file)
    assert load_settings(tmp_path / "otto.toml", environment).debug_mode is expected


@pytest.mark.parametrize("name", SPECIFIED)
@pytest.mark.parametrize("spelling", ["words", "letters", "file-camel", "file-snake"])
def test_every_spelling_of_a_name_is_known(name: str, spelling: str, tmp_path: Path) -> None:
    """MAX_CONNECTIONS, MAXCONNECTIONS, maxConnections and max_connections are one setting."""
    environment, file = {}, tmp_path / "otto.toml"
    value = "false" if SPECIFIED[name] is True else "true" if SPECIFIED[name] is False else "7"
    file.write_text("")
    if spelling == "words":
        environment[snake(name).upper()] = value
    elif spelling == "letters":
        environment[name.upper()] = value
    else:
        file.write_text(f"{name if spelling == 'file-camel' else snake(name)} = {value}\n")
    settings = load_settings(file, environment)
    assert str(getattr(settings, snake(name))).lower().removesuffix(".0") == value


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """What both name has the environment's value, however it is spelt there."""
    file = tmp_path / "otto.toml"
    file.write_text('max_connections = 5\nhttpPort = 6\ncors_origins = ["https://a.example"]\n')
    settings = load_settings(file, {"MAXCONNECTIONS": "8"})
    assert (settings.max_connections, settings.http_port) == (8, 6)
    assert settings.cors_origins == ("https://a.example",)


def test_an_unknown_name_in_the_file_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A slip of the pen is found at the start, not when the setting would have mattered."""
    file = tmp_path / "otto.toml"
    file.write_text("maxConections = 5\n[tables]\nx = 1\n")
    text = problems({}, file)
    assert "maxConections" in text
    assert "did you mean max_connections?" in text
    assert "tables" in text


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Anyone who mends settings learns of every wrong one, by the name they wrote."""
    file = tmp_path / "otto.toml"
    file.write_text('http_port = "abc"\n')
    text = problems({"GRPC_PORT": "99999", "CORS_ORIGINS": "example.org/", "DURABILITY": "maybe"}, file)
    for name in ("http_port in", "GRPC_PORT", "CORS_ORIGINS", "DURABILITY"):
        assert name in text


def test_two_spellings_must_agree() -> None:
    """Two variables for one setting are refused where they differ."""
    assert "same setting" in problems({"MAX_CONNECTIONS": "1", "MAXCONNECTIONS": "2"})
    assert load_settings(None, {"MAX_CONNECTIONS": "2", "MAXCONNECTIONS": "2"}).max_connections == 2


@pytest.mark.parametrize("content", ["not toml", "a = ", "\x00"])
def test_a_file_that_is_no_toml_is_named(content: str, tmp_path: Path) -> None:
    """The error names the file."""
    file = tmp_path / "otto.toml"
    file.write_text(content)
    assert str(file) in problems({}, file)
    assert "No such file" in problems({}, tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_PUBLIC_KEY", "JWKS_URL"])
def test_an_empty_credential_is_refused(name: str) -> None:
    """A secret that an orchestrator failed to fill in does not switch authentication off."""
    assert f"{name} is empty" in problems({name: ""})


def test_other_empty_variables_count_as_unset() -> None:
    """An empty variable, as a compose file makes it, means the default."""
    settings = load_settings(None, {"HOST": "", "HTTP_PORT": "", "POLLING_DATABASE_URL": ""})
    assert settings == Settings()


@pytest.mark.parametrize(
    ("environment", "host", "is_open"),
    [
        ({}, "127.0.0.1", False),
        ({"JWT_SECRET": "s"}, "0.0.0.0", False),
        ({"HOST": "0.0.0.0"}, "0.0.0.0", True),
        ({"HOST": "::1"}, "::1", False),
        ({"HOST": "localhost"}, "localhost", False),
        ({"HOST": "gateway.internal"}, "gateway.internal", True),
        ({"HOST": "10.0.0.1", "JWKS_URL": "https://id.example/jwks"}, "10.0.0.1", False),
    ],
)
def test_without_credentials_it_listens_on_loopback_unless_told(
    environment: dict[str, str], host: str, is_open: bool
) -> None:
    """Only HOST opens a gateway that asks for no token, and that is noticed."""
    settings = load_settings(None, environment)
    assert (settings.listen_host, settings.is_open_to_everybody) == (host, is_open)


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTP_TLS_KEY_FILE": "k"},
        {"GRPC_TLS_CERTIFICATE_FILE": "c"},
        {"GRPC_TLS_CLIENT_CA_FILE": "c"},
        {"JWT_PUBLIC_KEY": "k", "JWT_PUBLIC_KEY_FILE": "f"},
        {"GRPC_PORT": "4000"},
        {"GRPC_PORT": "3001"},
        {"SHUTDOWN_GRACE_SECONDS": "nan"},
        {"RETENTION_DAYS": "-1"},
        {"MAX_CONNECTIONS": "0"},
    ],
)
def test_what_cannot_work_is_refused(environment: dict[str, str]) -> None:
    """Settings that make no sense, alone or together, are an error."""
    assert next(iter(environment)).split("_")[0] in problems(environment)


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=8)))
def test_whatever_is_set_there_are_settings_or_problems(values: dict[str, str]) -> None:
    """No value of any setting leads to another error than the one that names it."""
    with contextlib.suppress(SettingsError):
        assert isinstance(load_settings(None, {name.upper(): value for name, value in values.items()}), Settings)


def test_rules_of_retention_are_read_and_shown_as_they_are_written() -> None:
    """From the environment, and from a list in a file."""
    text = "nightly-*=3d,golden=keep"
    settings = load_settings(None, {"RETENTION_RULES": text})
    assert visible_settings(settings)["RETENTION_RULES"] == text
    assert Settings(retention_rules=text.split(",")) == settings  # type: ignore[arg-type]
    policy = retention_policy(load_settings(None, {"RETENTION_DAYS": "0", "RETENTION_BYTES": "0"}))
    assert not policy.is_set


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("RETENTION_RULES", "nightly-*", "RETENTION_RULES: 'nightly-*' is not a rule: write PATTERN=DURATION"),
        ("RETENTION_RULES", "a=3", "RETENTION_RULES: '3' in 'a=3' is not a duration"),
        ("RETENTION_TASKS", "many", "RETENTION_TASKS: input should be a valid integer"),
        ("RETENTION_BYTES", "-1", "RETENTION_BYTES: input should be greater than or equal to 0"),
    ],
)
def test_a_wrong_retention_is_named(name: str, value: str, text: str) -> None:
    """With what would be right."""
    assert text in problems({name: value})
