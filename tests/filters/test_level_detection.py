import hypothesis.strategies as st
import pytest
from hypothesis import given

from filters.entry import LEVELS
from filters.level_detection import detect_level, level_of_plain, strip_ansi


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-01-01 12:00:00 ERROR disk full", "ERROR"),
        ("[WARNING] deprecated", "WARN"),
        ("src/main.c:3:5: warning: unused variable", "WARN"),
        ("src/main.c:1:10: fatal error: x.h: no such file", "ERROR"),
        ("error[E0308]: mismatched types", "ERROR"),
        ("fatal: not a git repository", "FATAL"),
        ("DEBUG:root:text", "DEBUG"),
        ("\x1b[31mFAILED\x1b[0m tests/test_a.py::\x1b[1mtest_b\x1b[0m - assert 1", "ERROR"),
        ('{"level":"warn","msg":"ERROR"}', "WARN"),
        ("level=info msg=failed", "INFO"),
        ("0 errors, 3 warnings", "WARN"),
        ("tests/test_errors.py::test_error PASSED", None),
        ("compiling error.c", None),
        ("x" * 400 + " ERROR", None),
        ("", None),
    ],
)
def test_a_level_is_read_from_structure(text: str, level: str | None) -> None:
    """Headers of loggers, diagnostics and results of tests tell; words in passing and names do not."""
    assert detect_level(text) == level


@given(st.text(alphabet="ab:.[]()/- \tERRORerror0123456789\x1b\"'=,{}#|→", max_size=200))
def test_any_line_has_a_level_or_none(text: str) -> None:
    """Whatever a line is, the answer is a level or none."""
    plain = strip_ansi(text)
    assert detect_level(text) in (None, *LEVELS)
    assert level_of_plain(plain) in (None, *LEVELS)
