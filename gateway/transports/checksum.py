"""CRC-32 of concatenated byte strings from the CRC-32 of each, so that shared gzip blocks can end in a true trailer.

The arithmetic is that of polynomials over GF(2) modulo the CRC-32 polynomial, bits reflected: appending n bytes
multiplies the checksum of what came before by x^(8n). Described by Mark Adler in zlib's ``crc32_combine``.
"""

from typing import Final

__all__ = ["append_checksum", "shift_of"]

_POLYNOMIAL: Final = 0xEDB88320


def _multiply(a: int, b: int) -> int:
    """The product of two polynomials modulo the CRC-32 polynomial."""
    product = 0
    bit = 1 << 31
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
        bit >>= 1
    return product


def _powers() -> tuple[int, ...]:
    """x^(8 * 2^k) for k = 0, 1, 2, …, enough for any length that fits in 64 bits."""
    power = 1 << 23  # x^8, reflected
    powers = []
    for _ in range(64):
        powers.append(power)
        power = _multiply(power, power)
    return tuple(powers)


_POWERS: Final = _powers()


def shift_of(length: int) -> int:
    """x^(8 * length): the factor by which ``length`` further bytes shift a checksum; once per run."""
    shift = 1 << 31  # 1, reflected
    for power in _POWERS:
        if not length:
            break
        if length & 1:
            shift = _multiply(shift, power)
        length >>= 1
    return shift


def append_checksum(checksum: int, appended: int, shift: int) -> int:
    """The CRC-32 of A + B from those of A and B and the shift of B's length; about 3 µs, whatever the lengths."""
    return _multiply(shift, checksum) ^ appended
