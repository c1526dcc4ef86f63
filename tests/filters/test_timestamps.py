"""Times."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.timestamps import from_nanos, from_rfc3339, now

NANOS = st.integers(0, 253_402_300_799_999_999_999)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_nanoseconds_become_text(nanos: int, text: str) -> None:
    """Nine digits, always."""
    assert from_nanos(nanos) == text


@pytest.mark.parametrize("nanos", [-1, -(10**30), 253_402_300_800_000_000_000, 10**40])
def test_times_out_of_range_are_refused(nanos: int) -> None:
    """The error names the number; what was formatted before is not disturbed."""
    from_nanos(0)
    with pytest.raises(ValueError, match=str(nanos)):
        from_nanos(nanos)
    assert from_nanos(5) == "1970-01-01T00:00:00.000000005Z"


@given(NANOS, NANOS)
def test_the_order_of_texts_is_the_order_of_times(first: int, second: int) -> None:
    """So that time can be compared as text."""
    assert (from_nanos(first) < from_nanos(second)) == (first < second)


@given(NANOS)
def test_what_is_formatted_is_canonical(nanos: int) -> None:
    """Reading a text that was written here changes nothing, and it is the time that it says."""
    text = from_nanos(nanos)
    assert from_rfc3339(text) == text
    assert datetime.fromisoformat(text[:19] + "+00:00") == datetime.fromtimestamp(0, UTC) + timedelta(
        seconds=nanos // 10**9
    )


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_offset_is_read(moment: datetime, minutes: int) -> None:
    """An offset is taken off; microseconds become nine digits."""
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = local.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "000Z"
    assert from_rfc3339(local.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-31T13:45:00Z", "2026-01-31T13:45:00.000000000Z"),
        ("2026-01-31t13:45:00z", "2026-01-31T13:45:00.000000000Z"),
        ("2026-01-31 13:45:00Z", "2026-01-31T13:45:00.000000000Z"),
        ("2026-01-31T13:45:00.5Z", "2026-01-31T13:45:00.500000000Z"),
        ("2026-01-31T13:45:00.1234567891Z", "2026-01-31T13:45:00.123456789Z"),
        ("2026-01-31T13:45:00+09:00", "2026-01-31T04:45:00.000000000Z"),
        ("2026-01-31T13:45:00 09:00", "2026-01-31T04:45:00.000000000Z"),
        ("2026-01-01T00:30:00+0900", "2025-12-31T15:30:00.000000000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"),
    ],
)
def test_forms_that_clients_send_are_read(text: str, canonical: str) -> None:
    """A plus sign that a query string turned into a blank, small letters, a leap second."""
    assert from_rfc3339(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31T13:45:00",
        "2026-01-31T13:45Z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00Z\n",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-01-01T00:00:00Z",
        "1700000000",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """With a short error, whatever came."""
    with pytest.raises(ValueError, match=r"is not a (valid )?time"):
        from_rfc3339(text)
    with pytest.raises(ValueError) as caught:
        from_rfc3339(text + "x" * 100_000)
    assert len(str(caught.value)) < 200


def test_the_present_is_canonical_and_goes_on() -> None:
    """``now`` is a time as any other."""
    first, second = now(), now()
    assert first <= second
    assert from_rfc3339(first) == first


def test_threads_do_not_mix_up_seconds() -> None:
    """The remembered second is one object, so that no thread sees half of it changed."""
    wrong: list[str] = []

    def work(second: int) -> None:
        expected = datetime.fromtimestamp(second, UTC).isoformat()[:19]
        for nanos in range(3000):
            text = from_nanos(second * 10**9 + nanos)
            if text[:19] != expected:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(second,)) for second in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
