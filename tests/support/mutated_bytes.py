"""Bytes that were valid once: a small mutator for whatever parses what strangers send."""

import random
from collections.abc import Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

__all__ = ["Mutator", "random_message"]

_NASTY = (
    b"\x00",
    b"\xff",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"\r\n\r\n",
    b"\x0a" * 16,
    b"\x0b\x0b\x0b\x0b",  # groups that begin and do not end
    b"\x0c",
    b"\xa2\x06\x03abc",  # a field that nobody knows
)


class Mutator:
    """Makes new texts of old ones; the same seed makes the same texts."""

    def __init__(self, seeds: Sequence[bytes], random_seed: int, bytes_max: int = 1 << 16) -> None:
        self._seeds = list(seeds)
        self._random = random.Random(random_seed)
        self._bytes_max = bytes_max

    def one(self) -> bytes:
        """A seed after up to eight changes; sometimes none, sometimes noise alone."""
        chance = self._random
        if chance.random() < 0.05:
            return chance.randbytes(chance.randrange(64))
        data = chance.choice(self._seeds)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 5, 8))):
            data = self._changed(data)
        return data[: self._bytes_max]

    def _changed(self, data: bytes) -> bytes:
        chance = self._random
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64)))
        match chance.randrange(8):
            case 0:
                return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1 if at < len(data):
                return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
            case 2:
                return data[:at] + data[end:]
            case 3:
                return data[:at] + data[at:end] * chance.choice((2, 3, 50)) + data[end:]
            case 4:
                return data[:at] + chance.choice(_NASTY) + data[at:]
            case 5:
                return data[:at]
            case 6:
                other = chance.choice(self._seeds)
                return data[:at] + other[chance.randrange(len(other) + 1) :]
            case _:
                size = len(data)
                return b"\x0a" + _varint(size + chance.choice((0, 0, 1, -1)) if size else 0) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def random_message(message_type: type[Message], chance: random.Random, depth: int = 3) -> Message:
    """A message that parses, with fields that nobody would fill in like that."""
    message = message_type()
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.4 or (field.message_type is not None and depth == 0):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for _ in range(chance.choice((1, 3, 100))):
                getattr(message, field.name)[chance.choice(_TEXTS)] = chance.choice(_TEXTS)
        elif field.is_repeated:
            values = [_value(field, chance, depth) for _ in range(chance.choice((0, 1, 2, 50)))]
            getattr(message, field.name).extend(values)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(_value(field, chance, depth))
        else:
            setattr(message, field.name, _value(field, chance, depth))
    return message


_TEXTS = ("", "t", "w", "p", "a" * 256, "a" * 257, "\x00", "a\nb", "../..", "한글", "\U0001f600" * 300, "x" * 70_000)
_NUMBERS = (
    0,
    1,
    2,
    3,
    100,
    101,
    -1,
    (1 << 31) - 1,
    -(1 << 31),
    (1 << 32) - 1,
    (1 << 63) - 1,
    -(1 << 63),
    (1 << 64) - 1,
)
_FLOATS = (0.0, -0.0, 0.1, 1e38, float("inf"), float("-inf"), float("nan"))


def _value(field: FieldDescriptor, chance: random.Random, depth: int) -> Any:
    if field.message_type is not None:
        return random_message(message_factory.GetMessageClass(field.message_type), chance, depth - 1)
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            text = chance.choice(_TEXTS)
            return text.encode() + chance.randbytes(3) if field.type == FieldDescriptor.TYPE_BYTES else text
        case FieldDescriptor.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return chance.choice(_FLOATS)
        case cpp_type:
            least, most = _RANGES.get(cpp_type, (-(1 << 31), (1 << 31) - 1))
            return chance.choice([number for number in _NUMBERS if least <= number <= most])


_RANGES = {
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
