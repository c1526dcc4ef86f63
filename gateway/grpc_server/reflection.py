"""Server reflection, v1 and v1alpha: the contracts, for tools that know none.

The two versions differ in the name of their package alone, so that one handler serves both.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2

from gateway.grpc_server.interface import Call, Ending
from gateway.grpc_server.status import GrpcStatus, RefusedError

__all__ = ["REFLECTION_SERVICES", "Contracts", "ReflectionHandler"]

_ALPHA: Final = "grpc.reflection.v1alpha"
_STABLE: Final = "grpc.reflection.v1"
_SERVICE: Final = "ServerReflection"
REFLECTION_SERVICES: Final = (f"{_STABLE}.{_SERVICE}", f"{_ALPHA}.{_SERVICE}")

_Request: TypeAlias = reflection_pb2.ServerReflectionRequest
_Response: TypeAlias = reflection_pb2.ServerReflectionResponse


class Contracts:
    """What can be asked: the services, and the files that describe them and what they import.

    Args:
        files: of the services; reflection's own are added.
    """

    def __init__(self, files: Iterable[FileDescriptor]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        self._files: dict[str, bytes] = {}
        self._imports: dict[str, list[str]] = {}
        self.services: list[str] = []
        for file in (*files, reflection_pb2.DESCRIPTOR):
            self._add(file)
        self._add_stable_version()

    def __repr__(self) -> str:
        return f"<Contracts {len(self.services)} services>"

    def answer(self, request: _Request) -> _Response:
        """Answer one request; what exists not is NOT_FOUND in the answer."""
        response = _Response(valid_host=request.host, original_request=request)
        kind = request.WhichOneof("message_request")
        try:
            self._answer(kind, request, response)
        except (KeyError, TypeError, ValueError):
            response.error_response.error_code = int(GrpcStatus.NOT_FOUND)
            response.error_response.error_message = "there is no such thing here"
        return response

    def _answer(self, kind: str | None, request: _Request, response: _Response) -> None:
        pool: Any = self._pool
        if kind == "list_services":
            for name in self.services:
                response.list_services_response.service.add(name=name)
        elif kind == "file_by_filename":
            self._describe(request.file_by_filename, response)
        elif kind == "file_containing_symbol":
            self._describe(pool.FindFileContainingSymbol(request.file_containing_symbol).name, response)
        elif kind == "file_containing_extension":
            wanted = request.file_containing_extension
            extended = pool.FindMessageTypeByName(wanted.containing_type)
            self._describe(pool.FindExtensionByNumber(extended, wanted.extension_number).file.name, response)
        elif kind == "all_extension_numbers_of_type":
            extended = pool.FindMessageTypeByName(request.all_extension_numbers_of_type)
            numbers = sorted(extension.number for extension in pool.FindAllExtensions(extended))
            response.all_extension_numbers_response.base_type_name = extended.full_name
            response.all_extension_numbers_response.extension_number.extend(numbers)
        else:
            response.error_response.error_code = int(GrpcStatus.INVALID_ARGUMENT)
            response.error_response.error_message = "the request asks nothing that is known here"

    def _describe(self, name: str, response: _Response) -> None:
        """A file, and after it those that it imports."""
        waiting, seen = [name], {name: None}
        while waiting:
            for imported in self._imports[waiting.pop()]:
                if imported not in seen:
                    seen[imported] = None
                    waiting.append(imported)
        response.file_descriptor_response.file_descriptor_proto.extend(self._files[each] for each in seen)

    def _add(self, file: FileDescriptor) -> None:
        for imported in file.dependencies:
            self._add(imported)
        if file.name not in self._files:
            proto = descriptor_pb2.FileDescriptorProto()
            file.CopyToProto(proto)
            self._add_proto(proto)

    def _add_proto(self, proto: descriptor_pb2.FileDescriptorProto) -> None:
        self._pool.Add(proto)
        self._files[proto.name] = proto.SerializeToString()
        self._imports[proto.name] = list(proto.dependency)
        self.services += [f"{proto.package}.{service.name}" for service in proto.service]

    def _add_stable_version(self) -> None:
        """The same contract under the name of version 1, for which there is no module."""
        text = reflection_pb2.DESCRIPTOR.serialized_pb
        proto = descriptor_pb2.FileDescriptorProto.FromString(text)
        proto.name = proto.name.replace("v1alpha", "v1")
        proto.package = _STABLE
        for message in proto.message_type:
            for field in message.field:
                if field.type_name:
                    field.type_name = field.type_name.replace(_ALPHA, _STABLE)
        for service in proto.service:
            for method in service.method:
                method.input_type = method.input_type.replace(_ALPHA, _STABLE)
                method.output_type = method.output_type.replace(_ALPHA, _STABLE)
        self._add_proto(proto)


class ReflectionHandler:
    """One stream of questions, each answered at once."""

    def __init__(self, call: Call, contracts: Contracts) -> None:
        self._call = call
        self._answer: Callable[[_Request], _Response] = contracts.answer

    def receive(self, messages: Sequence[bytes]) -> None:
        """Answer questions.

        Raises:
            RefusedError: INVALID_ARGUMENT: it is none.
        """
        answers = []
        for message in messages:
            try:
                request = _Request.FromString(message)
            except DecodeError as error:
                text = "this is not a ServerReflectionRequest"
                raise RefusedError(GrpcStatus.INVALID_ARGUMENT, text) from error
            answers.append(self._answer(request).SerializeToString())
        self._call.send(answers)

    def finish(self, ending: Ending) -> None:  # noqa: ARG002
        """Everything was answered."""
        self._call.end(GrpcStatus.OK)

    def drain(self) -> None:
        """The server stops."""
        self._call.end(GrpcStatus.UNAVAILABLE, "the gateway is shutting down; try again")
