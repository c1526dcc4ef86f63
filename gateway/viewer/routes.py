"""The viewer: the pages that ``clients/viewer`` is built into, from the gateway itself."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import ApiError
from gateway.routing.operation import Answer, DescribedRoute, Header, Operation, Tag
from gateway.routing.parameters import Identifier, Parameter
from gateway.viewer.built_files import INDEX, BuiltFile, built_files, built_index

__all__ = ["PAGES", "PAGE_HEADERS", "missing_page", "page_routes"]

PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # an address may have a token in it
}
_ASSETS: Final = "/page/assets/{name}"
_FOR_EVER: Final = "public, max-age=31536000, immutable"  # a file's name has the hash of what is in it
_NOT_BUILT: Final = BuiltFile.of(
    INDEX,
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Otto logs</title>'
    b"<p>The viewer is not built in this installation: run <code>make setup</code>; "
    b"until then <code>otto-logs tail TASK</code> shows a log in a terminal.",
)

_PAGES: Final = {
    "/": ("viewerPage", "The viewer: what streams, and was lately"),
    "/logs/{task_id:identifier}": ("viewerLogPage", "The viewer: one task's log"),
    "/executions": ("viewerExecutionsPage", "The viewer: executions of workflows"),
    "/executions/{execution_id:identifier}": ("viewerExecutionPage", "The viewer: one execution"),
    "/automation": ("viewerAutomationPage", "The viewer: automation tasks"),
    "/automation/{task_id:identifier}": ("viewerAutomationTaskPage", "The viewer: one automation task"),
    "/batch-jobs": ("viewerBatchJobsPage", "The viewer: batch jobs"),
    "/alerts": ("viewerAlertsPage", "The viewer: incidents"),
    "/alerts/incidents/{incident_id:identifier}": ("viewerIncidentPage", "The viewer: one incident"),
    "/alerts/rules": ("viewerAlertRulesPage", "The viewer: rules of alerts"),
    "/alerts/rules/{name:identifier}": ("viewerAlertRulePage", "The viewer: one rule of alerts"),
    "/alerts/new-rule": ("viewerNewAlertRulePage", "The viewer: another rule of alerts"),
    "/alerts/targets": ("viewerAlertTargetsPage", "The viewer: targets of alerts, and what was given up"),
    "/alerts/maintenance": ("viewerMaintenancePage", "The viewer: maintenance windows of alerts"),
    "/search": ("viewerSearchPage", "The viewer: search across tasks"),
}
"""Addresses within the viewer, by which it knows what to show: each is answered with the same file."""

_PARAMETERS: Final = {
    "task_id": Identifier("taskId", "The task.", examples=("build-7",)),
    "execution_id": Identifier("executionId", "The execution.", examples=("run-3",)),
    "incident_id": Identifier("incidentId", "The incident.", examples=("7",)),
    "name": Identifier("name", "The rule.", examples=("out-of-memory",)),
}
PAGES: Final = Tag("Pages", "The viewer, and descriptions of these interfaces.")


def page_routes(build: Mapping[str, BuiltFile] | None = None) -> list[DescribedRoute]:
    """The viewer's pages and the files that they need, held in memory; they hold no data, so none needs a token.

    Args:
        build: the files by their path; None: what ``make setup`` built. Without any, a page says that it was not built.
    """
    found = built_files() if build is None else build
    index = found.get(INDEX) or _NOT_BUILT
    assets = {path.removeprefix("assets/"): file for path, file in found.items() if path != INDEX}

    async def page(request: Request) -> Response:
        return _answer(request, index, {**PAGE_HEADERS, "ETag": f'W/"{index.tag}"'})

    async def asset(request: Request) -> Response:
        file = assets.get(request.path_params["name"])
        if file is None:
            raise ApiError("NOT_FOUND", "no such file of the viewer; it may be one of an earlier version")
        return _answer(request, file, {**PAGE_HEADERS, "Cache-Control": _FOR_EVER, "ETag": f'W/"{file.tag}"'})

    example = next((name for name in assets if name.endswith(".js")), "index.js")
    return [
        *(DescribedRoute(path, page, _page_operation(path)) for path in _PAGES),
        DescribedRoute(_ASSETS, asset, _asset_operation(example)),
    ]


def missing_page(build: Mapping[str, BuiltFile] | None = None) -> Callable[[Request], Response | None]:
    """What a browser gets that goes to an address that nothing is at: the viewer, which says so, with status 404.

    Args:
        build: see ``page_routes``.

    Returns:
        A function of the request; None: it is not a browser's, or of an interface for programs.
    """
    index = (built_index() if build is None else build.get(INDEX)) or _NOT_BUILT

    def page(request: Request) -> Response | None:
        path = request.url.path
        if path.startswith(("/api/", "/page/", "/v1/")) or "text/html" not in request.headers.get("accept", ""):
            return None
        response = _answer(request, index, {**PAGE_HEADERS})
        response.status_code = HTTPStatus.NOT_FOUND
        response.headers["Vary"] = "Accept, Accept-Encoding"
        return response

    return page


def _answer(request: Request, file: BuiltFile, headers: dict[str, str]) -> Response:
    headers["Vary"] = "Accept-Encoding"
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.compressed is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


_FILE_ANSWERS: Final = {
    304: Answer("The file is the one that `If-None-Match` names."),
}
_TAG: Final = {"ETag": Header("Changes with the file.")}


def _page_operation(path: str) -> Operation:
    name, summary = _PAGES[path]
    parameters = tuple(parameter for field, parameter in _PARAMETERS.items() if f"{{{field}:" in path)
    return Operation(
        name,
        "GET",
        PAGES,
        summary,
        parameters=parameters,
        answers={200: Answer("The page.", media=("text/html",), headers=_TAG), **_FILE_ANSWERS},
    )


def _asset_operation(example: str) -> Operation:
    return Operation(
        "viewerFile",
        "GET",
        PAGES,
        "A file of the viewer",
        parameters=(
            Parameter(
                "name",
                "As the page names it; a name has the hash of what is in the file.",
                place="path",
                schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^/]+$"},
                examples=(example,),
                is_required=True,
            ),
        ),
        answers={
            200: Answer(
                "The file, for ever.",
                media=("text/javascript", "text/css", "text/plain", "font/woff2"),
                headers=_TAG,
            ),
            **_FILE_ANSWERS,
        },
        errors=("NOT_FOUND",),
    )
