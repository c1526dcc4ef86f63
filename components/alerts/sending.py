"""Sending one notification: a signed webhook, Alertmanager's API, or one of the services of Apprise.

The signature is that of Standard Webhooks (standardwebhooks.com): ``webhook-id`` is the same at every attempt, so that
a receiver can recognise a repetition, and ``webhook-signature`` covers the id, the time and the body.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from components.alerts.addresses import AddressError, public_address
from components.alerts.targets import Target

__all__ = [
    "ANSWER_SECONDS_MAX",
    "APPRISE_SECONDS_MAX",
    "SendError",
    "Sender",
    "signature",
    "title_and_text",
    "tls_context",
]

ANSWER_SECONDS_MAX: Final = 10.0
APPRISE_SECONDS_MAX: Final = 30.0
_APPRISE_THREADS: Final = 8
_HEAD_BYTES_MAX: Final = 64 << 10
_SHOWN_MAX: Final = 200


class SendError(Exception):
    """It was not taken; the text says why in a sentence."""


class Sender(Protocol):
    """Sends an event to a target."""

    async def __call__(self, target: Target, key: str, event: Mapping[str, Any]) -> None:
        """Return once it was taken.

        Raises:
            SendError: it was not.
        """
        ...


async def send(target: Target, key: str, event: Mapping[str, Any]) -> None:
    """See ``Sender``."""
    if target.kind == "apprise":
        await _apprise(target, event)
    elif target.kind == "alertmanager":
        await _post(target, key, f"{target.url.rstrip('/')}/api/v2/alerts", [alertmanager_alert(event)])
    else:
        await _post(target, key, target.url, event)


def signature(secret: bytes, key: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    digest = hmac.new(secret, f"{key}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def title_and_text(event: Mapping[str, Any]) -> tuple[str, str]:
    """What a person reads of an event."""
    if event["kind"] == "digest":
        return _digest_texts(event)
    incident, rule = event["incident"], event["rule"]
    count = incident["count"]
    what = {"resolved": "resolved", "test": "test"}.get(event["kind"], f"{count:,} {'line' if count == 1 else 'lines'}")
    title = f"[{rule['severity']}] {rule['name']}: {incident['key']} ({what})"
    lines = [
        rule["description"],
        *(f"{line['taskId']} #{line['sequence']}  {line['message']}" for line in event["lines"]),
    ]
    return title, "\n".join(filter(None, lines))


def _digest_texts(event: Mapping[str, Any]) -> tuple[str, str]:
    """Of a digest: a line for each incident, and how many more there are."""
    count, events = event["count"], event["events"]
    lines = [title_and_text(each)[0] for each in events]
    if count > len(lines):
        lines.append(f"and {count - len(lines):,} more")
    still_open = sum(each["incident"]["isOpen"] for each in events)
    return f"{count:,} incident{'' if count == 1 else 's'}, {still_open:,} of them open", "\n".join(lines)


def alertmanager_alert(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event for Alertmanager's API, version 2."""
    incident, rule = event["incident"], event["rule"]
    title, text = title_and_text(event)
    alert = {
        "labels": {
            "alertname": rule["name"],
            "severity": rule["severity"],
            "task": incident["key"],
            "incident": str(incident["id"]),
        },
        "annotations": {"summary": title, "description": text},
        "startsAt": incident["openedAt"],
    }
    if incident["resolvedAt"] is not None:
        alert["endsAt"] = incident["resolvedAt"]
    return alert


async def _post(target: Target, key: str, url: str, document: Any) -> None:
    """Post JSON; a 2xx is success. No redirect is followed, and little of the answer is read.

    The connection goes to the address that was checked, whatever the name means by then.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    body = msgspec.json.encode(document)
    timestamp = int(time.time())
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = [
        f"POST {path} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "User-Agent: otto-log-gateway",
        "Connection: close",
        f"webhook-id: {key}",
        f"webhook-timestamp: {timestamp}",
    ]
    if target.secret:
        headers.append(f"webhook-signature: {signature(target.secret, key, timestamp, body)}")
    request = "\r\n".join([*headers, "", ""]).encode("ascii", "replace") + body
    context = await asyncio.to_thread(tls_context) if parts.scheme == "https" else None
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            address = await public_address(host, port, is_private=target.is_private)
            reader, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=host if context else None, limit=_HEAD_BYTES_MAX
            )
            try:
                writer.write(request)
                await writer.drain()
                status = await reader.readuntil(b"\r\n")
            finally:
                writer.close()
    except TimeoutError:
        raise SendError(f"no answer within {ANSWER_SECONDS_MAX:.0f} s") from None
    except (AddressError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise SendError(str(error)[:_SHOWN_MAX] or type(error).__name__) from error
    code = status.split(b" ", 2)[1:2]
    if not code or not code[0].startswith(b"2"):
        raise SendError(f"the answer was {status.decode('latin-1').strip()[:_SHOWN_MAX]}")


@cache
def tls_context() -> ssl.SSLContext:
    """Made once: to read the machine's certificates takes tens of milliseconds."""
    return ssl.create_default_context()


@cache
def _services() -> ThreadPoolExecutor:
    """Threads for Apprise only, so that a service that hangs cannot take threads from other work."""
    return ThreadPoolExecutor(_APPRISE_THREADS, "apprise")


async def _apprise(target: Target, event: Mapping[str, Any]) -> None:
    import apprise

    title, text = title_and_text(event)
    service = apprise.Apprise()
    if not service.add(target.url):
        raise SendError("Apprise does not know the address")
    try:
        async with asyncio.timeout(APPRISE_SECONDS_MAX):
            work = partial(service.notify, body=text or title, title=title)
            is_sent = await asyncio.get_running_loop().run_in_executor(_services(), work)
    except TimeoutError:
        raise SendError(f"no answer within {APPRISE_SECONDS_MAX:.0f} s") from None
    if not is_sent:
        raise SendError("the service did not take it")
