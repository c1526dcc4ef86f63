"""``/api/v1/auth``: the session cookie and tickets."""

import time
from typing import Annotated, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth.authenticator import TokenAuthenticator
from gateway.auth.credentials import bearer_token
from gateway.auth.settings import AuthSettings
from gateway.errors import ApiError
from gateway.http.json_bodies import answer, decoded
from gateway.routing.operation import ANY_SCOPE, Answer, Body, DescribedRoute, Header, Operation, Tag
from gateway.routing.parameters import IdentifierText, checked_identifier

__all__ = ["auth_routes"]

SESSION_PATH: Final = "/api/v1/auth/session"
TICKET_PATH: Final = "/api/v1/auth/ticket"

COOKIE_CHARACTERS_MAX: Final = 3800
"""Browsers keep no cookie of more than 4,096 bytes, name and attributes included, and say nothing."""

BODY_BYTES_MAX: Final = 4096

_NO_STORE: Final = {"Cache-Control": "no-store"}


class TicketRequest(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What a ticket is to be good for: one task, one pipeline, or all that the token covers."""

    task_id: IdentifierText | None = None
    pipeline_id: IdentifierText | None = None


class Ticket(msgspec.Struct, rename="camel"):
    """Good for one stream."""

    ticket: Annotated[str, msgspec.Meta(examples=["q1nMb0cPp5l8o2Wn3x4y5z"])]
    expires_in: Annotated[float, msgspec.Meta(description="Seconds.", examples=[30])]


_TAG: Final = Tag("Authentication", "Credentials for clients that cannot set a header.")

_COOKIE: Final = {"Set-Cookie": Header("The session cookie, HttpOnly; where credentials are configured.")}

_BEGIN_SESSION: Final = Operation(
    "beginSession",
    "POST",
    _TAG,
    "Take a token as a cookie",
    description="For browsers, whose `EventSource` sends no headers. The cookie lasts as long as the token.",
    scope=ANY_SCOPE,
    answers={204: Answer("The cookie is set.", headers=_COOKIE)},
)

_END_SESSION: Final = Operation(
    "endSession", "DELETE", _TAG, "Remove the cookie", answers={204: Answer("The cookie is gone.", headers=_COOKIE)}
)

_ISSUE_TICKET: Final = Operation(
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


def auth_routes(authenticator: TokenAuthenticator) -> list[DescribedRoute]:
    """The routes; each wants ``Authorization: Bearer``, except the end of a session.

    - ``POST /api/v1/auth/session``: 204, and the token as an HttpOnly cookie until it expires.
    - ``DELETE /api/v1/auth/session``: 204, and the cookie is gone.
    - ``POST /api/v1/auth/ticket``, optionally with ``{"taskId"}`` or ``{"pipelineId"}``:
      ``{"ticket", "expiresIn"}``, in seconds.
    """
    settings = authenticator.settings

    async def begin_session(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        response = Response(status_code=204, headers=_NO_STORE)
        token = bearer_token(request)
        if not authenticator.enabled or token is None:
            return response
        if len(token) > COOKIE_CHARACTERS_MAX:
            text = f"the token is too long for a cookie (more than {COOKIE_CHARACTERS_MAX} characters); use a ticket"
            raise ApiError("INVALID_ARGUMENT", text, field="Authorization")
        max_age = None if principal.expires_at is None else max(0, int(principal.expires_at - time.time()))
        response.set_cookie(value=token, max_age=max_age, **_cookie(settings, request))
        return response

    async def end_session(request: Request) -> Response:
        response = Response(status_code=204, headers=_NO_STORE)
        response.delete_cookie(**_cookie(settings, request))
        return response

    async def issue_ticket(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        wanted = await _ticket_request(await request.body())
        ticket = await authenticator.issue_ticket(principal, task_id=wanted.task_id, pipeline_id=wanted.pipeline_id)
        return answer(Ticket(ticket, settings.ticket_ttl_seconds))

    return [
        DescribedRoute(SESSION_PATH, begin_session, _BEGIN_SESSION),
        DescribedRoute(SESSION_PATH, end_session, _END_SESSION),
        DescribedRoute(TICKET_PATH, issue_ticket, _ISSUE_TICKET, body_bytes_max=BODY_BYTES_MAX),
    ]


def _cookie(settings: AuthSettings, request: Request) -> dict[str, Any]:
    """What setting and deleting the cookie have in common."""
    is_secure = settings.cookie_secure if settings.cookie_secure is not None else request.url.scheme == "https"
    name, same_site = settings.cookie_name, settings.cookie_samesite
    return {"key": name, "path": "/", "secure": is_secure, "httponly": True, "samesite": same_site}


async def _ticket_request(body: bytes) -> TicketRequest:
    """The task or pipeline that a ticket is asked for."""
    wanted = await decoded(body, TicketRequest) if body.strip() else TicketRequest()
    for field, value in (("taskId", wanted.task_id), ("pipelineId", wanted.pipeline_id)):
        if value is not None:
            checked_identifier(field, value)
    return wanted
