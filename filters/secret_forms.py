"""The texts in which a program may print a secret. The Python client has a generated copy of this module."""

import base64
import json
import re
from typing import Final
from urllib.parse import quote, quote_plus

__all__ = ["SECRET_CHARACTERS_MAX", "SECRET_CHARACTERS_MIN", "forms_of", "why_no_secret"]

SECRET_CHARACTERS_MIN: Final = 6
"""A shorter text would be found everywhere."""
SECRET_CHARACTERS_MAX: Final = 16_384
"""A private key with its chain of certificates is shorter. It bounds what of a line is kept to find the rest of it."""

_LINE_END: Final = re.compile(r"[\r\n]+")
_SHELL_SAFE: Final = re.compile(r"([^\w@%+=:,./-])", re.ASCII)
_DOUBLE_QUOTED: Final = re.compile(r'([\\"$`])')
_IN_HTML: Final = re.compile("[<>&]")


def why_no_secret(value: str) -> str:
    """Why a value cannot be masked, for a warning that does not show it; empty: it can."""
    text = value.strip()
    if len(text) < SECRET_CHARACTERS_MIN:
        return f"it has fewer than {SECRET_CHARACTERS_MIN} characters"
    if len(text) > SECRET_CHARACTERS_MAX:
        return f"it has more than {SECRET_CHARACTERS_MAX:,} characters"
    if not text.strip("*"):
        return "it consists of asterisks, as a mask does"
    return ""


def forms_of(value: str) -> set[str]:
    """What to look for, none of it with a line end, because texts are searched without theirs.

    The value itself, in base64 (the three ways in which it may stand in a longer text, both alphabets), in hexadecimal
    digits, escaped for a URL, for JSON and for a shell; of a value of several lines also each line.

    Args:
        value: one that ``why_no_secret`` has nothing against.
    """
    value = value.strip()
    forms = _of_text(value)
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            if not why_no_secret(line):
                forms |= _of_text(line.strip())
    joined = {_LINE_END.sub("", form) for form in forms}
    return {form for form in joined if len(form) >= SECRET_CHARACTERS_MIN}


def _of_text(text: str) -> set[str]:
    data = text.encode("utf-8", "surrogateescape")
    digits = data.hex()
    return {text, digits, digits.upper()} | _in_base64(data) | _in_urls(data) | _in_json(text) | _in_shells(text)


def _in_base64(data: bytes) -> set[str]:
    """The characters that follow from the value alone, for each place in a group of three bytes."""
    forms = {base64.b64encode(data).decode().rstrip("=")}
    for offset, first in enumerate((0, 2, 3)):
        bits = 8 * (offset + len(data))
        forms.add(base64.b64encode(bytes(offset) + data).decode()[first : bits // 6])
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


def _in_urls(data: bytes) -> set[str]:
    forms = {quote(data, safe=""), quote(data, safe="/"), quote(data, safe="!~*'()"), quote_plus(data)}
    return forms | {re.sub("%..", lambda escape: escape[0].lower(), form) for form in forms}


def _in_json(text: str) -> set[str]:
    forms = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    forms |= {form.replace("/", r"\/") for form in forms}
    # As Go and other programs write what may stand in HTML.
    return forms | {_IN_HTML.sub(lambda found: f"\\u{ord(found[0]):04x}", form) for form in forms}


def _in_shells(text: str) -> set[str]:
    return {
        text.replace("'", "'\\''"),
        text.replace("'", "'\"'\"'"),
        _SHELL_SAFE.sub(r"\\\1", text),
        _DOUBLE_QUOTED.sub(r"\\\1", text),
        text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t"),  # $'…'
    }
