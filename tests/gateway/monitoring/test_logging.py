"""The gateway's own log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.monitoring.logging import configure_logging, without_secrets
from gateway.monitoring.repeated_warnings import RepeatedWarnings

SECRET = "hunter2-hunter2"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged as JSON at INFO; everything is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("INFO", "json", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "event",
    [
        {"event": f"GET /stream?access_token={SECRET}&tail=1"},
        {"event": f'"WebSocket /socket.io/?ticket={SECRET}" [accepted]'},
        {"event": "x", "headers": {"Authorization": f"Bearer {SECRET}"}},
        {"event": "x", "headers": [("authorization", f"Bearer {SECRET}")]},
        {"event": "x", "token": SECRET},
        {"event": "x", "refresh_token": SECRET.encode()},
        {"event": f"authorization: bearer {SECRET}"},
        {"event": "x", "packet": f'0{{"token": "{SECRET}"}}'},
        {"event": "x", "auth": {"deep": [{"password": SECRET}]}},
        {"event": "x", "exception": f"ValueError: secret='{SECRET}'"},
        {"event": f"connect to postgresql://otto:{SECRET}@db/otto"},
    ],
)
def test_whatever_looks_like_a_credential_is_masked(event: dict[str, object]) -> None:
    """Code that logs a request by mistake does not put its token into the log."""
    shown = str(without_secrets(None, "info", event))
    assert SECRET not in shown
    assert "***" in shown


def test_a_token_is_known_by_its_form() -> None:
    """A JWT is masked wherever it stands."""
    assert JWT not in str(without_secrets(None, "info", {"event": "odd", "value": f"<{JWT}>"}))


def test_what_is_no_secret_stays() -> None:
    """Counts, texts and settings that are not set are left alone."""
    event = {
        "event": "listening",
        "port": 4000,
        "jwt_secret": "(unset)",
        "text": "token bucket",
        "ok": True,
        "no": None,
    }
    assert without_secrets(None, "info", event) == event


def test_everything_goes_through_one_form(log: io.StringIO) -> None:
    """Our events and other libraries' are JSON objects with the same fields."""
    structlog.get_logger("gateway.x").info("line stored", lines=3)
    logging.getLogger("uvicorn.error").error("ASGI failed for /?ticket=%s", SECRET)
    logging.getLogger("uvicorn.error").info("not worth it")
    structlog.get_logger("gateway.x").debug("too fine")
    ours, theirs = map(json.loads, log.getvalue().splitlines())
    assert (ours["event"], ours["lines"], ours["level"], ours["logger"]) == ("line stored", 3, "info", "gateway.x")
    assert (theirs["event"], theirs["level"]) == ("ASGI failed for /?ticket=***", "error")


def test_a_traceback_is_masked_too(log: io.StringIO) -> None:
    """An exception's text may have a token in it."""
    try:
        raise ValueError(f"access_token={SECRET}")
    except ValueError:
        structlog.get_logger("gateway.x").exception("it failed")
    assert SECRET not in log.getvalue()
    assert "Traceback" in json.loads(log.getvalue())["exception"]


def test_text_for_terminals_holds_nothing_that_they_obey(log: io.StringIO) -> None:
    """A value from a peer cannot set the title of the terminal in which the gateway runs."""
    configure_logging("INFO", "text", stream=log)
    structlog.get_logger("gateway").warning("refused", agent="\x1b]0;title\x07\x9b2J", why="two\nlines")

    assert "title" in log.getvalue()
    assert not {"\x1b", "\x07", "\x9b"} & set(log.getvalue())


# Threat: each malformed request costs its sender a few bytes, and is a line of the log.
def test_a_repeated_warning_is_logged_once_in_ten_seconds() -> None:
    """With how many were omitted since; each text by itself, and errors always."""
    now = 0.0
    shown = RepeatedWarnings(clock=lambda: now)

    def logged(text: str, level: int = logging.WARNING) -> object:
        record = logging.LogRecord("uvicorn.error", level, "", 0, text, (), None)
        return shown.filter(record) and record.__dict__.get("omitted", 0)

    assert [logged("Invalid HTTP request received.") for _ in range(4)] == [0, False, False, False]
    assert logged("Unsupported upgrade request.") == 0
    assert [logged("Exception in ASGI application", logging.ERROR) for _ in range(2)] == [0, 0]
    now = 10.0
    assert logged("Invalid HTTP request received.") == 3


def test_the_http_servers_warnings_are_limited(log: io.StringIO) -> None:
    """The gateway's log has one line of many."""
    for _ in range(5):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert len(log.getvalue().splitlines()) == 1
