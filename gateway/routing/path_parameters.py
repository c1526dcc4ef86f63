"""Identifiers in paths: percent-encoded, a slash too."""

from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

from filters.identifiers import IdentifierError, check_identifier
from gateway.errors import ApiError

__all__ = ["path_identifier"]


class _AnyText(Convertor[str]):
    """Matches any text, so that an invalid identifier is answered with its error and not with 404.

    Starlette matches routes against the decoded path, where a slash of an identifier looks like any other; what the
    identifier really is, ``path_identifier`` reads from the raw path.
    """

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("identifier", _AnyText())

_FIELDS: Final = {"task_id": "taskId", "pipeline_id": "pipelineId", "script_id": "script_id", "job_id": "jobId"}


def path_identifier(scope: Scope, route: str, name: str) -> str:
    """The identifier at ``{name:identifier}`` of a route, from the raw path.

    Args:
        scope: the request's scope.
        route: the route's path with exactly one parameter.
        name: the parameter's name.

    Raises:
        ApiError: INVALID_ARGUMENT if it is no identifier; NOT_FOUND if it has a slash that is not encoded.
    """
    prefix, _, suffix = route.partition("{" + name + ":identifier}")
    raw = bytes(scope["raw_path"]).removeprefix(scope.get("root_path", "").encode())
    segment = raw[len(prefix) : len(raw) - len(suffix)]
    field = _FIELDS[name]
    if b"/" in segment:
        raise ApiError("NOT_FOUND", f"no such path; a slash in {field} is written %2F")
    try:
        return check_identifier(field, unquote_to_bytes(segment).decode())
    except UnicodeDecodeError as error:
        raise ApiError("INVALID_ARGUMENT", f"{field} must be UTF-8, percent-encoded", field=field) from error
    except IdentifierError as error:
        raise ApiError("INVALID_ARGUMENT", str(error), field=field) from error
