import pytest

from components.alerts.durations import duration_seconds, duration_text


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800), (" 3 h ", 10_800), ("0001s", 1)]
)
def test_duration_seconds_reads_a_number_and_its_unit(text: str, seconds: float) -> None:
    """With or without a blank between them."""
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "h", "0s", "1.5h", "-1s", "1w", "1h30m", "1234567s", "١s"])
def test_duration_seconds_refuses_everything_else(text: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match="write 90s, 15m, 2h or 7d"):
        duration_seconds(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.5, "0s"), (59, "59s"), (60, "1m"), (3599, "60m"), (3600, "1h"), (172_800, "2d")]
)
def test_duration_text_has_the_largest_unit(seconds: float, text: str) -> None:
    """That is not less than 1."""
    assert duration_text(seconds) == text
