"""gRPC services and their messages, from the contracts in ``proto/`` with their comments."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from scripts.docs.markdown import table

__all__ = ["grpc_lines"]

_PROTO: Final = Path(__file__).resolve().parents[2] / "proto"
_SERVICE, _METHOD, _MESSAGE, _FIELD, _NESTED = 6, 2, 4, 2, 3
"""Numbers of these in a file's, a service's and a message's descriptor, which paths of comments are made of."""

Comments = dict[tuple[int, ...], str]


def grpc_lines() -> Iterator[str]:
    """Every service with its methods, then the messages."""
    yield "# gRPC services"
    yield "The contracts in `proto/`, from which clients are generated. What a producer has to keep to is in"
    yield "[interfaces](../api.md#grpc). OpenTelemetry's `LogsService` is served as well."
    yield ""
    for file in _files():
        comments = {
            tuple(each.path): " ".join(each.leading_comments.split()) for each in file.source_code_info.location
        }
        if file.service or file.message_type:
            yield f"## {file.package}"
            yield ""
            yield from _services(file, comments)
            for index, message in enumerate(file.message_type):
                yield from _message_lines(message, (_MESSAGE, index), comments, "")


def _files() -> Sequence[FileDescriptorProto]:
    sources = sorted(str(path.relative_to(_PROTO)) for path in _PROTO.rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as output:
        code = protoc.main(["protoc", f"-I{_PROTO}", "--include_source_info", f"-o{output.name}", *sources])
        if code:
            raise ValueError(f"protoc ended with {code}")
        return FileDescriptorSet.FromString(Path(output.name).read_bytes()).file


def _services(file: FileDescriptorProto, comments: Comments) -> Iterator[str]:
    for index, service in enumerate(file.service):
        yield f"### {service.name}"
        yield comments.get((_SERVICE, index), "")
        yield ""
        rows = (
            (
                f"`{method.name}`",
                _streamed(method.input_type, is_stream=method.client_streaming),
                _streamed(method.output_type, is_stream=method.server_streaming),
                comments.get((_SERVICE, index, _METHOD, number), ""),
            )
            for number, method in enumerate(service.method)
        )
        yield from table(("method", "takes", "returns", "meaning"), rows)


def _streamed(name: str, *, is_stream: bool) -> str:
    return f"{'stream of ' if is_stream else ''}`{name.rpartition('.')[2]}`"


def _message_lines(message: DescriptorProto, path: tuple[int, ...], comments: Comments, outer: str) -> Iterator[str]:
    if message.options.map_entry:
        return
    name = f"{outer}{message.name}"
    yield f"### {name}"
    yield comments.get(path, "")
    yield ""
    rows = (
        (field.number, f"`{field.name}`", _kind(field), comments.get((*path, _FIELD, number), ""))
        for number, field in enumerate(message.field)
    )
    if message.field:
        yield from table(("number", "field", "type", "meaning"), rows)
    for index, nested in enumerate(message.nested_type):
        yield from _message_lines(nested, (*path, _NESTED, index), comments, f"{name}.")


def _kind(field: FieldDescriptorProto) -> str:
    name = field.type_name.rpartition(".")[2]
    kind = name or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"{'list of ' if field.label == FieldDescriptorProto.LABEL_REPEATED else ''}`{kind}`"
