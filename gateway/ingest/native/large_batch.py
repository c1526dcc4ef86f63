"""A request with more lines than one turn of the event loop should read, cut into slices."""

from collections.abc import Iterator
from typing import Final

from otto.logs.v1 import logs_pb2

from gateway.ingest.decoding import DecodeError, Decoder
from gateway.ingest.native.stage_progress import FieldError
from gateway.ingest.wire_format import LENGTH_DELIMITED, Field, fields

__all__ = ["SLICED_FROM_BYTES", "LargeBatch"]

SLICED_FROM_BYTES: Final = 32 << 10
"""Requests from this size on are sliced. The client's usual ones are smaller, and are parsed in one go."""
_SLICE_BYTES: Final = 16 << 10
_ITEM: Final = logs_pb2.PublishRequest.DESCRIPTOR.fields_by_name["lines"].number
_NUMBER: Final = logs_pb2.PublishRequest.DESCRIPTOR.fields_by_name["number"].number
_LINE: Final = logs_pb2.LineBatch.DESCRIPTOR.fields_by_name["lines"].number
_FIELDS_MAX: Final = 16
_decoder: Final = Decoder(logs_pb2.LineBatch)


class LargeBatch:
    """The position of the lines of a request.

    Attributes:
        number: the request's.
    """

    def __init__(self, data: bytes, number: int, batch: Field) -> None:
        self.number = number
        self._data = data
        self._batch = batch
        self._slices: list[tuple[int, int]] = []

    def __repr__(self) -> str:
        return f"<LargeBatch {self.number} of {len(self._data)} bytes>"

    @classmethod
    def of(cls, data: bytes) -> "LargeBatch | None":
        """The batch of a request; None: it has another item.

        Raises:
            DecodeError: it has several items, or is no message.
        """
        found: dict[int, Field] = {}
        for count, field in enumerate(fields(data, 0, len(data))):
            if count >= _FIELDS_MAX or (field.number == _ITEM and _ITEM in found):
                raise DecodeError("a large request has one item and its number, and nothing else")
            found[field.number] = field
        if _ITEM not in found or found[_ITEM].kind != LENGTH_DELIMITED:
            return None
        if found.keys() - {_ITEM, _NUMBER}:
            raise DecodeError("a large request has one item and its number, and nothing else")
        head = b"".join(data[field.start : field.end] for number, field in found.items() if number != _ITEM)
        return cls(data, logs_pb2.PublishRequest.FromString(head).number, found[_ITEM])

    def head(self, lines_max: int) -> logs_pb2.LineBatch:
        """The batch without its lines.

        Raises:
            FieldError: there are too many.
            DecodeError: it is no batch.
        """
        data, batch = self._data, self._batch
        rest: list[bytes] = []
        lines = 0
        start = end = batch.content
        for field in fields(data, batch.content, batch.end):
            if field.number != _LINE:
                rest.append(data[field.start : field.end])
                if len(rest) > _FIELDS_MAX:
                    raise DecodeError("a batch has lines and its few fields, and nothing else")
                continue
            lines += 1
            if lines > lines_max:
                raise FieldError("lines", f"more than {lines_max} lines in one request: send at most {lines_max}")
            if field.start > end or field.end - start > _SLICE_BYTES:
                self._slices.append((start, end))
                start = field.start
            end = field.end
        self._slices.append((start, end))
        return _decoder.decode(b"".join(rest))

    def slices(self) -> Iterator[logs_pb2.LineBatch]:
        """Its lines, some at a time; after ``head``.

        Raises:
            DecodeError: it is no batch.
        """
        for start, end in self._slices:
            yield _decoder.decode(self._data[start:end])
