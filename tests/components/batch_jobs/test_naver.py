"""The real counter against a local server that speaks Naver's API."""

import logging
from collections.abc import AsyncIterator

import pytest
from starlette.responses import PlainTextResponse

from components.batch_jobs import BadCredentialsError, CounterUnavailableError, KeywordRefusedError, QuotaError
from components.batch_jobs.naver import NaverCounter
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, NaverApi, refusal
from tests.support.waiting import WAIT_SECONDS_MAX


@pytest.fixture
async def counter(api: NaverApi) -> AsyncIterator[NaverCounter]:
    made = NaverCounter(
        CLIENT_ID, CLIENT_SECRET, categories=("blog", "cafe"), base_url=api.url, timeout_seconds=WAIT_SECONDS_MAX
    )
    yield made
    await made.close()


async def test_a_total_for_each_category(api: NaverApi, counter: NaverCounter) -> None:
    """One request for one category; Naver's name of it is in the address."""
    assert await counter.count("맥북 & 100%", "cafe") == 90
    assert api.asked == {("맥북 & 100%", "cafearticle"): 1}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "024"), BadCredentialsError),
        (refusal(403, "024"), BadCredentialsError),
        (refusal(400, "SE01"), KeywordRefusedError),
        (refusal(429, "010"), QuotaError),
        (refusal(429, "012"), QuotaError),
        (refusal(500, "SE99"), CounterUnavailableError),
        (PlainTextResponse("busy", 503), CounterUnavailableError),
        (PlainTextResponse("<html>"), CounterUnavailableError),
        (PlainTextResponse('{"total": "many"}'), CounterUnavailableError),
        (PlainTextResponse("x" * (2 << 20)), CounterUnavailableError),
    ],
    ids=["401", "403", "400", "429 day", "429 second", "500", "503", "no JSON", "no number", "endless"],
)
async def test_what_an_answer_means(
    api: NaverApi, counter: NaverCounter, answer: object, kind: type[Exception]
) -> None:
    """Each kind of trouble has its own error."""
    api.script.append(answer)
    with pytest.raises(kind):
        await counter.count("word", "blog")


async def test_a_quota_says_when(api: NaverApi, counter: NaverCounter) -> None:
    """``Retry-After`` in seconds is handed on."""
    api.script.append(refusal(429, "012", **{"Retry-After": "7"}))
    with pytest.raises(QuotaError) as caught:
        await counter.count("word", "blog")
    assert caught.value.retry_after_seconds == 7


async def test_an_api_that_does_not_answer_is_given_up(api: NaverApi) -> None:
    """A request that is not answered in time is unavailable, and so is a server that is not there."""
    counter = NaverCounter(CLIENT_ID, CLIENT_SECRET, categories=("blog",), base_url=api.url, timeout_seconds=0.2)
    api.script.append(api.silence)
    with pytest.raises(CounterUnavailableError, match=r"0\.2 s"):
        await counter.count("word", "blog")
    await counter.close()
    nowhere = NaverCounter(CLIENT_ID, CLIENT_SECRET, categories=("blog",), base_url="http://127.0.0.1:9")
    with pytest.raises(CounterUnavailableError, match="reached"):
        await nowhere.count("word", "blog")
    await nowhere.close()


async def test_the_secret_is_nowhere(api: NaverApi, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the error that repeats what was sent, not in a ``repr``, not in a log of any level."""
    caplog.set_level(logging.DEBUG)
    counter = NaverCounter(CLIENT_ID, "another-secret", categories=("blog",), base_url=api.url)
    with pytest.raises(BadCredentialsError) as caught:
        await counter.count("word", "blog")
    assert "024" in str(caught.value)
    assert "another-secret" not in f"{caught.value} {counter!r} {caplog.text}"
    await counter.close()
