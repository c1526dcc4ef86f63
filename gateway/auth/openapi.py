"""What ``/api/v1/auth`` takes and answers: types and operations."""

from typing import Annotated, Final

import msgspec

from gateway.routing.operation import ANY_SCOPE, Answer, Body, Header, Operation, Tag

__all__ = ["BEGIN_SESSION", "END_SESSION", "ISSUE_TICKET", "Ticket", "TicketRequest"]


class TicketRequest(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What a ticket is to be good for: one task, one pipeline, or all that the token covers."""

    task_id: str | None = None
    pipeline_id: str | None = None


class Ticket(msgspec.Struct, rename="camel"):
    """Good for one stream."""

    ticket: Annotated[str, msgspec.Meta(examples=["q1nMb0cPp5l8o2Wn3x4y5z"])]
    expires_in: Annotated[float, msgspec.Meta(description="Seconds.", examples=[30])]


_TAG: Final = Tag("Authentication", "Credentials for clients that cannot set a header.")
_COOKIE: Final = {"Set-Cookie": Header("The session cookie, HttpOnly; where credentials are configured.")}

BEGIN_SESSION: Final = Operation(
    "beginSession",
    "POST",
    _TAG,
    "Take a token as a cookie",
    description="For browsers, whose `EventSource` sends no headers. The cookie lasts as long as the token.",
    scope=ANY_SCOPE,
    answers={204: Answer("The cookie is set.", headers=_COOKIE)},
)
END_SESSION: Final = Operation(
    "endSession", "DELETE", _TAG, "Remove the cookie", answers={204: Answer("The cookie is gone.", headers=_COOKIE)}
)
ISSUE_TICKET: Final = Operation(
    "issueTicket",
    "POST",
    _TAG,
    "Get a ticket for one stream",
    description="A ticket in an address is worthless after its first use, wherever the address was written down.",
    scope=ANY_SCOPE,
    errors=("RESOURCE_EXHAUSTED",),
    body=Body(
        TicketRequest,
        {"task": {"taskId": "build-7"}, "pipeline": {"pipelineId": "release"}, "everything": {}},
        is_required=False,
    ),
    answers={200: Answer("The ticket, to be given as `?ticket=`.", Ticket)},
)
