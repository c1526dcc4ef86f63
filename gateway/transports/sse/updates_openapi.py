"""What OpenAPI and AsyncAPI say of the updates of execution records."""

from typing import Final

from gateway.routing.channel import Channel, Message
from gateway.routing.operation import Answer, Header, Operation
from gateway.transports.notices import Heartbeat, StreamError
from sessions.close_reasons import CloseReason
from sessions.updates import Update

__all__ = ["EXAMPLE_UPDATE", "STREAM_UPDATES"]

EXAMPLE_UPDATE: Final = {
    "type": "workflowExecutionCompleted",
    "scriptId": "nightly",
    "scriptName": "Nightly build",
    "executionId": "execution-7",
}

STREAM_UPDATES: Final = Operation(
    id="streamUpdates",
    method="GET",
    tag="Streams",
    summary="That records of executions have changed",
    description="Server-Sent Events from now on, after the commit; repeats within 500 ms are one. A token sees those "
    "of the scripts that it may read.",
    scope="logs:read",
    answers={
        200: Answer(
            description="The stream; what it carries is described in `/asyncapi.json`.",
            media=("text/event-stream",),
            examples={
                "one update": 'event: logsUpdated\ndata: {"type":"workflowExecutionCompleted","scriptId":"nightly"}\n\n'
            },
            headers={"Cache-Control": Header(description="`no-cache`.")},
        )
    },
    errors=("SERVER_FULL",),
    channel=Channel(
        id="updates",
        title="Updates of execution records",
        description="Says that there is something new to read, not what. Nothing is kept for clients that were away.",
        address="/api/v1/log-streaming/updates",
        protocol="http",
        sends=(
            Message(
                name="logsUpdated",
                summary="Records of executions have changed.",
                type=Update,
                examples=(EXAMPLE_UPDATE,),
            ),
            Message(
                name="heartbeat",
                summary="After 30 s without anything else.",
                type=Heartbeat,
                examples=({"timestamp": "2026-01-31T13:45:30.123456789Z"},),
            ),
            Message(
                name="error",
                summary="Why the gateway ends the stream.",
                type=StreamError,
                examples=({"code": CloseReason.SERVER_SHUTDOWN.code, "message": CloseReason.SERVER_SHUTDOWN.text},),
            ),
        ),
    ),
)
