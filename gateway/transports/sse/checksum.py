"""CRC-32 of concatenated byte strings from the CRC-32 of each, so that shared gzip blocks can end in a true trailer.

The arithmetic is that of polynomials over GF(2) modulo the CRC-32 polynomial: appending n bytes multiplies the checksum
of what came before by x^(8n). Described by Mark Adler in zlib's ``crc32_combine``.

A polynomial is an integer with a byte for each coefficient, that of x^0 in the lowest. Products of integers are then
products of polynomials once each byte is taken modulo 2, as no sum of 32 ones overflows one; the interpreter multiplies
256 bits in less time than it takes to look at a single one of them. Remainders are Barrett's, which are exact here.
"""

from typing import Final

__all__ = ["CHECKSUM_OF_NOTHING", "append_checksum", "checksum_of", "crc32_of", "shift_of"]

_DEGREE: Final = 32
_BITS: Final = 8 * _DEGREE  # what a shift by x^32 is
_MODULO_2: Final = int.from_bytes(b"\1" * (2 * _DEGREE + 1), "little")
_REMAINDER: Final = (1 << _BITS) - 1
_DIGITS: Final = int.from_bytes(b"0" * _DEGREE, "little")


def checksum_of(crc32: int) -> int:
    """A CRC-32 as ``zlib`` gives it, of which the highest bit is x^0, as a polynomial."""
    return int.from_bytes(f"{crc32:032b}".encode(), "little") & _MODULO_2


def crc32_of(checksum: int) -> int:
    """The same back."""
    return int((checksum | _DIGITS).to_bytes(_DEGREE, "little"), 2)


CHECKSUM_OF_NOTHING: Final = checksum_of(0)
_POLYNOMIAL: Final = checksum_of(0xEDB88320) | 1 << _BITS


def _quotient(power: int) -> int:
    """x^power divided by the polynomial."""
    rest, quotient = 1 << 8 * power, 0
    while (above := rest.bit_length() - 1 - _BITS) >= 0:
        quotient |= 1 << above
        rest ^= _POLYNOMIAL << above
    return quotient


_INVERSE: Final = _quotient(2 * _DEGREE)


def _multiply(a: int, b: int) -> int:
    """The product of two polynomials modulo the CRC-32 polynomial."""
    product = a * b & _MODULO_2
    quotient = ((product >> _BITS) * _INVERSE & _MODULO_2) >> _BITS
    return (product ^ quotient * _POLYNOMIAL & _MODULO_2) & _REMAINDER


def _powers() -> tuple[int, ...]:
    """x^(8 * 2^k) for k = 0, 1, 2, …, enough for any length that fits in 64 bits."""
    powers = [1 << 8 * 8]
    for _ in range(63):
        powers.append(_multiply(powers[-1], powers[-1]))
    return tuple(powers)


_POWERS: Final = _powers()


def shift_of(length: int) -> int:
    """x^(8 * length): the factor by which ``length`` further bytes shift a checksum; once per run."""
    shift = 1
    for power in _POWERS:
        if not length:
            break
        if length & 1:
            shift = _multiply(shift, power)
        length >>= 1
    return shift


def append_checksum(checksum: int, appended: int, shift: int) -> int:
    """The checksum of A + B from those of A and B and the shift of B's length; about 0.5 µs for any lengths."""
    return _multiply(shift, checksum) ^ appended
