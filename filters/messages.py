"""Messages: bytes that may be anything become text of a bounded size."""

__all__ = ["cut_message"]


def cut_message(data: bytes | str, bytes_max: int) -> tuple[str, bool, int]:
    """A message as text of at most ``bytes_max`` bytes of UTF-8.

    Bytes that are not UTF-8 are replaced with U+FFFD, and so are lone surrogates; nothing else is changed, control
    characters neither. What is longer is cut at a character boundary. Replacing can make a text longer, so that one
    may be cut whose bytes were no more than ``bytes_max``.

    Returns:
        the text, whether it was cut, and the size in bytes as it was received.
    """
    if isinstance(data, str):
        if data.isascii() and len(data) <= bytes_max:
            return data, False, len(data)
        try:
            encoded = data.encode()
        except UnicodeEncodeError:
            data = data.encode(errors="surrogatepass")
        else:
            if len(encoded) <= bytes_max:
                return data, False, len(encoded)
            data = encoded
    size = len(data)
    if size <= bytes_max:
        text = data.decode(errors="replace")
        if text.isascii() or len(encoded := text.encode()) <= bytes_max:
            return text, False, size
    else:
        # A character that this slice ends within becomes U+FFFD, reaches beyond the limit, and is cut off below.
        encoded = data[: bytes_max + 1].decode(errors="replace").encode()
    return encoded[:bytes_max].decode(errors="ignore"), True, size
