"""The AsyncAPI 3.0 document of all streams, seen from the gateway: it sends entries and receives requests."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.routing.channel import Channel, Exchange, Message
from gateway.routing.examples import example_of
from gateway.routing.json_schemas import components, reference

__all__ = ["asyncapi_document", "message_key"]

_SERVER_NAMES: Final = {"http": "eventStreams", "socket.io": "socketIo"}
_BEARER: Final = [{"$ref": "#/components/securitySchemes/bearer"}]
_SERVERS: Final = {
    "eventStreams": {
        "host": "localhost:4000",
        "protocol": "http",
        "description": "Server-Sent Events.",
        "security": _BEARER,
    },
    "socketIo": {
        "host": "localhost:3001",
        "pathname": "/socket.io/",
        "protocol": "socket.io",
        "description": "Socket.IO; the port of HTTP serves it as well.",
        "security": _BEARER,
    },
}
_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Over Socket.IO as `auth: {token}` at connect. Needs the scope `logs:read`.",
    }
}
_DESCRIPTION: Final = """What streams carry: Server-Sent Events one task or pipeline per connection, Socket.IO many.
Paths, parameters and refusals before a stream begins are described in `/openapi.json`."""


def asyncapi_document(channels: Sequence[Channel], *, version: str) -> dict[str, Any]:
    """The document."""
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    types: list[Any] = []
    for channel in channels:
        for message in _messages(channel):
            messages[message_key(channel, message)] = _message(message)
            types.append(message.type)
        if channel.sends:
            operations[f"{channel.id}Send"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel.id}"},
                "summary": f"{channel.title}: what the gateway sends.",
                "messages": [_in_channel(channel, message) for message in channel.sends],
            }
        for exchange in channel.exchanges:
            operations[message_key(channel, exchange.request)] = _exchange(channel, exchange)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Otto log gateway",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {channel.id: _channel(channel) for channel in channels},
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": components(types),
            "securitySchemes": _SECURITY,
        },
    }


def message_key(channel: Channel, message: Message) -> str:
    """A message's name in the document: that of its channel and its own, in camelCase."""
    words = message.name.replace("_", "-").split("-")
    return channel.id + "".join(word.capitalize() for word in words)


def _messages(channel: Channel) -> list[Message]:
    """All messages; those of one name, which answer several requests, are one message with the examples of all."""
    found = list(channel.sends)
    for exchange in channel.exchanges:
        found += [exchange.request, exchange.success, exchange.failure]
    by_name: dict[str, Message] = {}
    for message in found:
        known = by_name.setdefault(message.name, message)
        if known is not message:
            new = tuple(example for example in message.examples if example not in known.examples)
            by_name[message.name] = replace(known, examples=known.examples + new)
    return list(by_name.values())


def _channel(channel: Channel) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "address": channel.address,
        "title": channel.title,
        "description": channel.description,
        "servers": [{"$ref": f"#/servers/{_SERVER_NAMES[channel.protocol]}"}],
        "messages": {
            message_key(channel, message): {"$ref": f"#/components/messages/{message_key(channel, message)}"}
            for message in _messages(channel)
        },
    }
    if channel.parameters:
        fields["parameters"] = {name: {"description": text} for name, text in channel.parameters.items()}
    return fields


def _exchange(channel: Channel, exchange: Exchange) -> dict[str, Any]:
    here = {"$ref": f"#/channels/{channel.id}"}
    return {
        "action": "receive",
        "channel": here,
        "summary": exchange.request.summary,
        "messages": [_in_channel(channel, exchange.request)],
        "reply": {
            "channel": here,
            "messages": [_in_channel(channel, exchange.success), _in_channel(channel, exchange.failure)],
        },
    }


def _in_channel(channel: Channel, message: Message) -> dict[str, str]:
    return {"$ref": f"#/channels/{channel.id}/messages/{message_key(channel, message)}"}


def _message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": message.name, "title": message.name, "summary": message.summary}
    if message.type is None:
        return fields | {"payload": {"type": "null"}}
    examples = message.examples or (example_of(message.type),)
    return fields | {
        "payload": reference(message.type),
        "examples": [{"payload": example} for example in examples],
    }
