"""Finding lines with a keyword on their bytes."""

import sys
import unicodedata
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.byte_search import CASELESS, FOLD_INTO_ASCII, PREFIX_BYTES, ByteSearch

# Letters, what folds into them, what folds into each other beyond ASCII, what has no case, and what stands in JSON.
ALPHABET = "abfhijklnstwyABKS \N{KELVIN SIGN}\N{LATIN SMALL LETTER LONG S}ßẞﬀﬁﬂﬃﬄﬅﬆŉǰẖẗẘẙẚİıéÉжЖςσΣ실패実。Ⅷⅷ🎬"


def test_all_that_folds_into_ascii_is_known() -> None:
    """By its first bytes, for each letter that it has."""
    expected: defaultdict[str, set[bytes]] = defaultdict(set)
    for number in range(0x80, sys.maxunicode + 1):
        if (folded := chr(number).casefold()) != chr(number):
            for letter in filter(str.isascii, folded):
                expected[letter].add(chr(number).encode()[:PREFIX_BYTES])
    known = {letter: {each.encode()[:PREFIX_BYTES] for each in known} for letter, known in FOLD_INTO_ASCII.items()}
    assert known == expected


def test_nothing_folds_into_what_has_no_case() -> None:
    """So that such characters may be looked for as they are."""
    folded = "".join(
        chr(number).casefold() for number in range(sys.maxunicode + 1) if chr(number).casefold() != chr(number)
    )
    assert not {each for each in folded if unicodedata.category(each) in CASELESS}


@given(
    keywords=st.lists(st.text(ALPHABET, min_size=1, max_size=3), min_size=1, max_size=6),
    lines=st.lists(st.text(ALPHABET, max_size=12), max_size=6),
)
def test_no_line_with_a_keyword_is_missed(keywords: list[str], lines: list[str]) -> None:
    """Whatever the case, and whatever folds into what."""
    folded = [keyword.casefold() for keyword in keywords]
    found = ByteSearch(folded).candidates([line.encode() for line in lines])
    expected = {i for i, line in enumerate(lines) if any(keyword in line.casefold() for keyword in folded)}
    assert expected <= set(found)
    assert found == sorted(set(found))


@pytest.mark.parametrize("line", ["all is well", "다 잘 되었다", "Ünïcode"])
def test_lines_without_the_keyword_are_no_candidates(line: str) -> None:
    """Be they ASCII or not: only these few that may fold into it are looked at again."""
    assert ByteSearch(["error"]).candidates([line.encode()] * 3) == []
    assert ByteSearch(["실패"]).candidates([line.encode()] * 3) == []


@pytest.mark.parametrize("count", [1, 3, 4, 20])
@pytest.mark.parametrize("place", [0, 8180, 8190, 8192, 16_384])
def test_lines_are_named_however_long_they_are(count: int, place: int) -> None:
    """Wherever pieces of the text end, and however often a line has what is looked for."""
    search = ByteSearch(["needle", *(f"word{n}" for n in range(count - 1))])
    lines = [b"x" * place + b"Needle", b"", b"needl" * 5000, b"needle" * 5000, b"e needle", b"word"]
    assert search.candidates(lines) == [0, 3, 4]
    assert search.candidates([line + "Ü".encode() for line in lines]) == [0, 3, 4]
