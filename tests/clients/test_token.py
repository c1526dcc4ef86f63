import time
from pathlib import Path

import jwt
import pytest

from tests.support.commands import otto_logs

SECRET = "a secret of at least 32 bytes, for tests"


def decode(token: bytes) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token.strip(), SECRET, algorithms=["HS256"], options={"verify_aud": False})
    return claims


async def test_a_token_says_who_may_do_what_and_for_how_long() -> None:
    """Signed with the environment's secret, in the claims that the gateway reads."""
    ended = await otto_logs(
        *("token", "--scope", "logs:write", "--task", "build-*", "--task", "x", "--ttl", "15m", "--subject", "ci"),
        environment={"JWT_SECRET": SECRET},
    )
    claims = decode(ended.stdout)

    assert (ended.code, ended.stderr) == (0, "")
    assert claims["sub"] == "ci"
    assert claims["scope"] == "logs:write"
    assert claims["tasks"] == ["build-*", "x"]
    assert "pipelines" not in claims
    assert 890 <= int(str(claims["exp"])) - time.time() <= 900


async def test_the_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """Without the line end that editors add."""
    (tmp_path / "secret").write_text(SECRET + "\n")
    ended = await otto_logs("token", "--secret-file", str(tmp_path / "secret"), "--pipeline", "p-*")

    assert decode(ended.stdout)["pipelines"] == ["p-*"]
    assert decode(ended.stdout)["scope"] == "logs:read logs:write"


async def test_a_short_secret_is_noticed() -> None:
    """The token is still printed, for a gateway that has the same."""
    ended = await otto_logs("token", environment={"JWT_SECRET": "short"})

    assert ended.code == 0
    assert "JWT_SECRET has fewer than 32 bytes" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        ([], {}, "there is no secret to sign with"),
        (["--ttl", "soon"], {"JWT_SECRET": SECRET}, "is not a time like 90s, 15m, 12h or 7d"),
        (["--scope", "logs:all"], {"JWT_SECRET": SECRET}, "is not one of"),
        (["--secret", SECRET], {}, "No such option"),
    ],
)
async def test_wrong_usage_is_answered_in_one_sentence(
    arguments: list[str], environment: dict[str, str], text: str
) -> None:
    """With exit code 2; the secret is never taken from the command line."""
    ended = await otto_logs("token", *arguments, environment=environment)

    assert ended.code == 2
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr
