import pytest
from otto_logs._commands.labels import labels_of, shown_command


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("make", "-j4"), "make -j4"),
        (("deploy", "--token", "abc", "now"), "deploy --token *** now"),
        (("deploy", "--api-key=abc"), "deploy '--api-key=***'"),
        (("env", "DB_PASSWORD=a b", "run"), "env 'DB_PASSWORD=***' run"),
        (("git", "clone", "https://me:abc@example.org/x"), "git clone https://example.org/x"),
        (("curl", "-H", "Authorization: Bearer abc"), "curl -H 'Authorization: ***'"),
    ],
)
def test_secrets_in_a_command_are_masked(command: tuple[str, ...], shown: str) -> None:
    """What looks like a secret is not sent; the rest is as one would type it."""
    assert shown_command(command) == shown


def test_labels_come_from_the_system_and_the_options() -> None:
    """A system is known by its variable; what was given counts over it; a repository's password is left out."""
    jenkins = {"JENKINS_URL": "x", "GIT_URL": "https://me:abc@example.org/shop", "BUILD_NUMBER": "7"}

    assert labels_of(["build=8"], jenkins) == {"ci": "jenkins", "repo": "https://example.org/shop", "build": "8"}
    assert labels_of([], {"HOME": "/root"}) == {}
