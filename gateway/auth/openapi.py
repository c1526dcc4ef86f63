"""What OpenAPI says of ``/api/v1/auth``."""

from typing import Annotated, Final

import msgspec

from gateway.routing.operation import ANY_SCOPE, Answer, Body, Header, Operation

__all__ = ["BEGIN_SESSION", "END_SESSION", "ISSUE_TICKET", "Ticket"]


class TicketRequest(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What a ticket is to be good for: one task, one pipeline, or all that the token covers."""

    task_id: str | None = None
    pipeline_id: str | None = None


class Ticket(msgspec.Struct, rename="camel"):
    """Good for one stream."""

    ticket: str
    expires_in: Annotated[float, msgspec.Meta(description="Seconds.")]


_COOKIE: Final = {"Set-Cookie": Header(description="The session cookie, HttpOnly; where credentials are configured.")}

BEGIN_SESSION: Final = Operation(
    id="beginSession",
    method="POST",
    tag="Authentication",
    summary="Take a token as a cookie",
    description="For browsers, whose `EventSource` sends no headers. The cookie lasts as long as the token.",
    scope=ANY_SCOPE,
    answers={204: Answer(description="The cookie is set.", headers=_COOKIE)},
)
END_SESSION: Final = Operation(
    id="endSession",
    method="DELETE",
    tag="Authentication",
    summary="Remove the cookie",
    answers={204: Answer(description="The cookie is gone.", headers=_COOKIE)},
)
ISSUE_TICKET: Final = Operation(
    id="issueTicket",
    method="POST",
    tag="Authentication",
    summary="Get a ticket for one stream",
    description="A ticket in an address is worthless after its first use, wherever the address was written down.",
    scope=ANY_SCOPE,
    errors=("RESOURCE_EXHAUSTED",),
    body=Body(
        type=TicketRequest,
        examples={"task": {"taskId": "build-7"}, "pipeline": {"pipelineId": "release"}, "everything": {}},
        is_required=False,
    ),
    answers={
        200: Answer(
            description="The ticket, to be given as `?ticket=`.",
            type=Ticket,
            examples={"ticket": {"ticket": "q1nMb0cPp5l8o2Wn3x4y5z", "expiresIn": 30}},
        )
    },
)
