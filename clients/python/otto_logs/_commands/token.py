"""``otto-logs token``: tokens for development."""

import os
import re
import time
import warnings
from pathlib import Path
from typing import Final

import click
import jwt

__all__ = ["token"]

_SCOPES: Final = ("logs:read", "logs:write", "tasks:write", "alerts:write", "admin")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SECRET_BYTES_LEAST: Final = 32
"""HS256 wants a key as long as its hash: RFC 7518, section 3.2."""


def _duration(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value.strip())
    if match is None or int(match[1]) == 0:
        raise click.BadParameter(f"{value!r} is not a time like 90s, 15m, 12h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


@click.command(short_help="Print a token for development.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    help="What it allows; may be repeated. Default: logs:read and logs:write.",
)
@click.option("--task", "tasks", multiple=True, metavar="GLOB", help="Only these tasks; may be repeated.")
@click.option("--pipeline", "pipelines", multiple=True, metavar="GLOB", help="Only these pipelines; may be repeated.")
@click.option("--ttl", default="12h", show_default=True, callback=_duration, help="How long it is good: 90s, 15m, 7d.")
@click.option("--subject", default="developer", show_default=True, help="Whom it speaks for.")
@click.option("--issuer", envvar="JWT_ISSUER", help="Its `iss`, where the gateway asks for one. [env: JWT_ISSUER]")
@click.option("--audience", envvar="JWT_AUDIENCE", help="Its `aud`, likewise. [env: JWT_AUDIENCE]")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the secret, instead of the environment's JWT_SECRET.",
)
def token(
    scopes: tuple[str, ...],
    tasks: tuple[str, ...],
    pipelines: tuple[str, ...],
    ttl: int,
    subject: str,
    issuer: str | None,
    audience: str | None,
    secret_file: Path | None,
) -> None:
    """Print a token that is signed with the gateway's JWT_SECRET (HS256); for development.

    The secret comes from the environment or a file, never from the command line, which other users can see.

    \b
    Example:
      export OTTO_TOKEN=$(otto-logs token --scope logs:write --task 'build-*')
    """  # noqa: D301 - click wants a real \b
    now = int(time.time())
    claims: dict[str, object] = {
        "sub": subject,
        "iat": now,
        "exp": now + ttl,
        "scope": " ".join(scopes or ("logs:read", "logs:write")),
    }
    optional = {"tasks": list(tasks), "pipelines": list(pipelines), "iss": issuer, "aud": audience}
    claims |= {name: value for name, value in optional.items() if value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyJWT's about short secrets: said below, in our words
        click.echo(jwt.encode(claims, _secret(secret_file), algorithm="HS256"))


def _secret(file: Path | None) -> bytes:
    if file is not None:
        try:
            secret = file.read_bytes().strip()
        except OSError as error:
            raise click.UsageError(f"--secret-file: {error.strerror}") from None
        origin = str(file)
    else:
        secret = os.environ.get("JWT_SECRET", "").encode()
        origin = "JWT_SECRET"
    if not secret:
        raise click.UsageError(
            "there is no secret to sign with: set JWT_SECRET as the gateway has it, or give --secret-file"
        )
    if len(secret) < _SECRET_BYTES_LEAST:
        click.echo(f"otto-logs: {origin} has fewer than {_SECRET_BYTES_LEAST} bytes; use a longer one", err=True)
    return secret
