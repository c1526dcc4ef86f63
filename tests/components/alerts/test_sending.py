"""Sending: signed, to public addresses alone, and bounded whatever the target does."""

import asyncio
import base64
import hashlib
import hmac
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from components.alerts import sending
from components.alerts.addresses import AddressError, public_address
from components.alerts.sending import SendError, alertmanager_alert, send
from components.alerts.targets import Target
from tests.support.ports import free_port

EVENT: dict[str, Any] = {
    "type": "incident.opened",
    "kind": "opened",
    "incident": {"id": 7, "key": "build-7", "count": 2, "openedAt": "2026-01-01T00:00:00Z", "resolvedAt": None},
    "rule": {"name": "oom", "severity": "critical", "description": "out of memory"},
    "lines": [{"taskId": "build-7", "sequence": 3, "message": "OutOfMemory"}],
}
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@asynccontextmanager
async def receiver(answer: Callable[[asyncio.StreamWriter], Any]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes one request after the other; its address, and what came."""
    seen: list[bytes] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            seen.append(head + await reader.readexactly(length))
            with suppress(OSError):
                await answer(writer)
        finally:
            writer.transport.abort() if writer.transport.get_write_buffer_size() > 1 << 16 else writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)


async def taken(writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


async def test_a_webhook_is_signed() -> None:
    """As Standard Webhooks has it: the same id at every attempt, over id, time and body."""
    async with receiver(taken) as (url, seen):
        await send(Target("team", "webhook", f"{url}/hook?a=1", b"key", is_private=True), "7-1-team", EVENT)
    head, body = seen[0].split(b"\r\n\r\n", 1)
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert head.startswith(b"POST /hook?a=1 HTTP/1.1")
    signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(b"key", signed, hashlib.sha256).digest()).decode()
    assert fields["webhook-signature"] == f"v1,{digest}"
    assert fields["webhook-id"] == "7-1-team"


async def test_certificates_are_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: that takes longer than a reader may be kept waiting."""
    made: list[bool] = []
    original = ssl.create_default_context

    def noted() -> ssl.SSLContext:
        made.append(threading.current_thread() is threading.main_thread())
        return original()

    monkeypatch.setattr(ssl, "create_default_context", noted)
    sending.tls_context.cache_clear()
    target = Target("team", "webhook", f"https://127.0.0.1:{free_port()}/", is_private=True)
    for _ in range(2):
        with pytest.raises(SendError):
            await send(target, "7-1-team", EVENT)
    sending.tls_context.cache_clear()
    assert made == [False]


async def test_alertmanager_gets_its_own_form() -> None:
    """Version 2 of its API."""
    async with receiver(taken) as (url, seen):
        await send(Target("prom", "alertmanager", url, is_private=True), "7-1", EVENT)
    assert seen[0].startswith(b"POST /api/v2/alerts ")
    alert = alertmanager_alert(EVENT)
    assert alert["labels"] == {"alertname": "oom", "severity": "critical", "task": "build-7", "incident": "7"}
    assert "endsAt" not in alert
    assert "OutOfMemory" in alert["annotations"]["description"]


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[EmailMessage]]]:
    """A server of SMTP, as far as a mail needs one: its port, and the mails that it has taken."""
    mails: list[EmailMessage] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        async for line in reader:
            word = line[:4].upper().strip()
            if word == b"DATA":
                writer.write(b"354 go ahead\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                mails.append(message_from_bytes(text[:-5], policy=policy.default))
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], mails


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
async def test_a_mail_comes_over_smtp() -> None:
    """With what happened in its subject, and the lines and the description, as they are, in its text."""
    rule = EVENT["rule"] | {"description": "{{ incident.nope }} {% raise %} %s {0} <b>"}
    async with mail_server() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=otto@example.org&to=team@example.org&mode=insecure&format=text"
        await send(Target("mail", "apprise", url), "7-1-mail", EVENT | {"rule": rule})
    (mail,) = mails
    assert (mail["Subject"], mail["To"]) == ("[critical] oom: build-7 (2 lines)", "team@example.org")
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.splitlines()[:2] == [rule["description"], "build-7 #3  OutOfMemory"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
async def test_a_service_that_hangs_has_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and keeps none of the threads that everything else runs in."""
    import apprise

    ended, threads = threading.Event(), list[str]()

    def hang(*_: object, **__: object) -> bool:
        threads.append(threading.current_thread().name)
        return ended.wait()

    monkeypatch.setattr(apprise.Apprise, "notify", hang)
    monkeypatch.setattr(sending, "APPRISE_SECONDS_MAX", 0.1)
    url = "mailto://127.0.0.1?from=otto@example.org&to=team@example.org&mode=insecure"
    try:
        with pytest.raises(SendError, match="no answer within"):
            await send(Target("mail", "apprise", url), "7-1-mail", EVENT)
    finally:
        ended.set()
    assert [name.rpartition("_")[0] for name in threads] == ["apprise"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
async def test_a_mail_that_is_not_taken_is_an_error() -> None:
    """Nobody listens; it is tried again as everything else."""
    url = f"mailto://127.0.0.1:{free_port()}?from=otto@example.org&to=team@example.org&mode=insecure"
    with pytest.raises(SendError, match="did not take it"):
        await send(Target("mail", "apprise", url), "7-1-mail", EVENT)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
    ],
)
async def test_an_internal_address_is_not_reached(host: str) -> None:
    """Whatever it is called, unless the target allows it."""
    with pytest.raises(AddressError):
        await public_address(host, 80, is_private=False)
    assert await public_address(host, 80, is_private=True)


async def test_of_several_addresses_all_must_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means a public and an internal one means an internal one."""

    async def lookup(*_: object, **__: object) -> list[Any]:
        return [(0, 0, 0, "", (address, 80)) for address in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    with pytest.raises(AddressError, match=r"10\.0\.0\.1"):
        await public_address("hook.example", 80, is_private=False)


async def redirects(writer: asyncio.StreamWriter) -> None:
    port = writer.get_extra_info("sockname")[1]
    writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{port}/\r\n\r\n".encode())


async def fails(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 Oh no\r\n\r\n")


async def hangs(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def drips(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def floods(writer: asyncio.StreamWriter) -> None:
    for _ in range(1 << 10):
        writer.write(b"x" * (1 << 20))
        await writer.drain()


async def closes(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (redirects, "302 Found"),
        (fails, "500 Oh no"),
        (hangs, "no answer within"),
        (drips, "no answer within"),
        (floods, "limit"),
        (closes, None),
    ],
)
async def test_a_bad_target_costs_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[asyncio.StreamWriter], Any], said: str | None
) -> None:
    """And says what it did: redirects are not followed, and of a gigabyte little is read."""
    if answer in {hangs, drips}:
        monkeypatch.setattr(sending, "ANSWER_SECONDS_MAX", 0.5)
    async with receiver(answer) as (url, seen):
        with pytest.raises(SendError, match=said):
            await send(Target("team", "webhook", url, is_private=True), "7-1", EVENT)
    assert len(seen) <= 1
