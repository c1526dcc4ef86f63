"""Updates of records and jobs between gateways: what is raised at one is seen at all."""

import msgspec

from sessions.updates import AnyUpdate, IncidentUpdate, JobProgress, TaskChange, Update, UpdateHub
from storage.postgres.channel import MESSAGE_BYTES_MAX, GatewayChannel

__all__ = ["share_updates"]

_KIND = "updates"
_TEXT_CHARACTERS_MAX = 500
"""Of a script's name or an error that alone would not fit into a message."""


class _Updates(msgspec.Struct, omit_defaults=True):
    records: list[Update] = msgspec.field(default_factory=list)
    jobs: list[JobProgress] = msgspec.field(default_factory=list)
    incidents: list[IncidentUpdate] = msgspec.field(default_factory=list)
    tasks: list[TaskChange] = msgspec.field(default_factory=list)


_decoder = msgspec.json.Decoder(_Updates)


def share_updates(hub: UpdateHub, channel: GatewayChannel) -> None:
    """Send what a hub publishes to the other gateways, and give it what they send. They are hints: none is kept."""

    def send(updates: list[AnyUpdate]) -> None:
        text = _encoded(updates)
        if len(text) < MESSAGE_BYTES_MAX - len(_KIND):
            channel.send(_KIND, text.decode())
        elif len(updates) > 1:
            middle = len(updates) // 2
            send(updates[:middle])
            send(updates[middle:])
        elif (shorter := _shortened(updates[0])) != updates[0]:
            send([shorter])

    def receive(_sender: str, text: str) -> None:
        found = _decoder.decode(text)
        hub.receive([*found.records, *found.jobs, *found.incidents, *found.tasks])

    hub.set_relay(lambda updates: send(list(updates)))
    channel.listen(_KIND, receive)


def _encoded(updates: list[AnyUpdate]) -> bytes:
    parts = _Updates()
    for update in updates:
        if isinstance(update, Update):
            parts.records.append(update)
        elif isinstance(update, JobProgress):
            parts.jobs.append(update)
        elif isinstance(update, IncidentUpdate):
            parts.incidents.append(update)
        else:
            parts.tasks.append(update)
    return msgspec.json.encode(parts)


def _shortened(update: AnyUpdate) -> AnyUpdate:
    if isinstance(update, JobProgress):
        return msgspec.structs.replace(update, error=(update.error or "")[:_TEXT_CHARACTERS_MAX] or None)
    if isinstance(update, Update):
        name = (update.script_name or "")[:_TEXT_CHARACTERS_MAX] or None
        return msgspec.structs.replace(update, script_name=name)
    return update
