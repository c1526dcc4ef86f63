import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest

from filters.secret_forms import forms_of, why_no_secret

SECRET = 'pä+ss/w\'rd "x" &<5>'


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("behind", [b"", b"z", b"zy", b"zyx"])
def test_base64_is_found_wherever_the_secret_stands_in_what_is_encoded(before: bytes, behind: bytes) -> None:
    """Of a longer text in base64, at most the character at each end that also depends on a neighbour is left."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + SECRET.encode() + behind).decode()
        longest = max((form for form in forms_of(SECRET) if form in text), key=len)
        assert len(longest) >= len(SECRET.encode()) * 8 // 6 - 1


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        shlex.quote(SECRET)[1:-1],
        SECRET.replace("'", "'\\''"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_what_programs_print_of_a_secret_is_a_form_of_it(text: str) -> None:
    """URL, JSON, shell and hexadecimal digits are known."""
    assert text in forms_of(SECRET)


def test_each_line_of_a_secret_is_one() -> None:
    """A key of several lines is found whole, line by line, and on one line as JSON has it."""
    forms = forms_of("-----BEGIN KEY-----\nMIIEvQIBADANBg\nabc\n-----END KEY-----\n")

    assert {"MIIEvQIBADANBg", "-----BEGIN KEY-----MIIEvQIBADANBgabc-----END KEY-----"} <= forms
    assert "-----BEGIN KEY-----\\nMIIEvQIBADANBg\\nabc\\n-----END KEY-----" in forms
    assert "abc" not in forms


@pytest.mark.parametrize("value", ["", "12345", " 12345 \n", "********", "x" * 16_385])
def test_what_would_be_found_everywhere_is_no_secret(value: str) -> None:
    """Five characters, asterisks, and what is longer than any key are refused, and the reason does not show them."""
    reason = why_no_secret(value)
    assert reason
    assert not value.strip() or value.strip() not in reason
    assert not why_no_secret("123456")
