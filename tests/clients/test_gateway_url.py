import pytest
from otto_logs._gateway_url import default_url


@pytest.mark.parametrize(
    ("variables", "gateway", "url"),
    [
        ({}, "", "http://127.0.0.1:4000"),
        ({}, "build-host:9090", "http://build-host:4000"),
        ({}, "http://build-host:9090", "http://build-host:4000"),
        ({}, "[::1]:9090", "http://[::1]:4000"),
        ({}, "[oops", "http://127.0.0.1:4000"),
        ({"OTTO_GATEWAY": "elsewhere:1"}, "", "http://elsewhere:4000"),
        ({"OTTO_GATEWAY": "elsewhere:1", "HTTP_PORT": "80"}, "here:1", "http://here:80"),
        ({"OTTO_URL": "https://logs/otto/", "HTTP_PORT": "80"}, "here:1", "https://logs/otto"),
    ],
)
def test_default_url_is_on_the_host_that_takes_lines(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], gateway: str, url: str
) -> None:
    """Unless ``OTTO_URL`` says where."""
    for name in ("OTTO_URL", "OTTO_GATEWAY", "HTTP_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_url(gateway) == url
