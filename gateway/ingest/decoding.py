"""Messages from bytes, with text that is not UTF-8 repaired instead of refused.

Protobuf refuses a message in which a ``string`` is not UTF-8, but a log line is whatever a program printed, and a
producer that cut a line in the middle of a character must not lose it. So a message that does not parse is parsed
again by a twin of its type in which every ``string`` is ``bytes``, and copied over with invalid bytes replaced by
U+FFFD. Bytes that are no message in either type are an error.
"""

from functools import cache
from typing import Any, Final, Generic, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.protobuf.message import DecodeError, Message

from gateway.ingest.wire_format import TooManyElementsError, check_elements

__all__ = ["DecodeError", "Decoder", "TooManyElementsError"]

M = TypeVar("M", bound=Message)

_ELEMENTS_MAX: Final = 8_192
"""Of one message, with those of the messages within it: some milliseconds of parsing and of what is done with them."""
_CHECKED_FROM_BYTES: Final = 16 << 10
"""Smaller messages have fewer elements: one has two bytes at least."""


class Decoder(Generic[M]):
    """Decodes one type of message.

    ``repaired`` counts the messages whose text had to be mended.

    Args:
        message_type: the type.
        checked_from_bytes: the size from which on elements are counted before a message is parsed.
    """

    def __init__(self, message_type: type[M], *, checked_from_bytes: int = _CHECKED_FROM_BYTES) -> None:
        self._type = message_type
        self._parse = message_type.FromString
        self._checked_from_bytes = checked_from_bytes
        self.repaired = 0

    def __repr__(self) -> str:
        return f"<Decoder {self._type.DESCRIPTOR.full_name} repaired={self.repaired}>"

    @property
    def name(self) -> str:
        """The name of the type, as in the contract."""
        return str(self._type.DESCRIPTOR.name)

    def decode(self, data: bytes) -> M:
        """Parse a message.

        Raises:
            DecodeError: the bytes are not a message of this type.
            TooManyElementsError: it would take too long to parse.
        """
        if len(data) > self._checked_from_bytes:
            check_elements(data, self._type.DESCRIPTOR, _ELEMENTS_MAX)
        try:
            return self._parse(data)
        except DecodeError:
            message = self._repair(data)
            self.repaired += 1
            return message

    def _repair(self, data: bytes) -> M:
        descriptor = self._type.DESCRIPTOR
        twin = _twin_pool(descriptor.file).FindMessageTypeByName(descriptor.full_name)
        source = message_factory.GetMessageClass(twin)()
        source.ParseFromString(data)
        target = self._type()
        _copy(source, target)
        return target


@cache
def _twin_pool(file: FileDescriptor) -> descriptor_pool.DescriptorPool:
    """A private pool with the file's twin, so that two types of one name do not meet in the default pool."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _turn_strings_to_bytes(message)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto)
    return pool


def _turn_strings_to_bytes(message: descriptor_pb2.DescriptorProto) -> None:
    message.options.ClearField("map_entry")  # a map's key cannot be bytes; on the wire it is a repeated message anyway
    for field in message.field:
        if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _turn_strings_to_bytes(nested)


def _copy(source: Any, target: Any) -> None:
    fields = target.DESCRIPTOR.fields_by_number
    for twin_field, value in source.ListFields():
        field = fields[twin_field.number]
        is_text = field.type == FieldDescriptor.TYPE_STRING
        if isinstance(value, bytes | int | float):
            setattr(target, field.name, _text(value) if is_text else value)
        elif isinstance(value, Message):
            child = getattr(target, field.name)
            child.SetInParent()
            _copy(value, child)
        else:
            _copy_repeated(value, getattr(target, field.name), field)


def _copy_repeated(values: Any, target: Any, field: Any) -> None:
    if field.message_type is None:
        target.extend([_text(value) for value in values] if field.type == FieldDescriptor.TYPE_STRING else values)
    elif field.message_type.GetOptions().map_entry:
        for entry in values:
            target[_text(entry.key)] = _text(entry.value)
    else:
        for value in values:
            _copy(value, target.add())


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
