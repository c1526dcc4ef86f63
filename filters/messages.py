"""Messages: bytes that may be anything become text of a bounded size."""

__all__ = ["cut_message"]


def cut_message(data: bytes | str, bytes_max: int) -> tuple[str, bool, int]:
    """A message as text of at most ``bytes_max`` bytes of UTF-8.

    Bytes that are not UTF-8 are replaced with U+FFFD; nothing else is changed. What is longer is cut at a character
    boundary.

    Returns:
        the text, whether it was cut, and the size in bytes as it was received.
    """
    if isinstance(data, str):
        if len(data) * 4 <= bytes_max:
            try:
                data.encode()
            except UnicodeEncodeError:
                pass
            else:
                return data, False, len(data)
        data = data.encode(errors="surrogatepass")
    size = len(data)
    text = data[: bytes_max + 1].decode(errors="replace") if size > bytes_max else data.decode(errors="replace")
    if size <= bytes_max and len(text) * 3 <= bytes_max:
        return text, False, size
    encoded = text.encode()
    if size <= bytes_max and len(encoded) <= bytes_max:
        return text, False, size
    return encoded[:bytes_max].decode(errors="ignore"), True, size
