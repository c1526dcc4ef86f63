"""Log lines that try to use the reader's terminal: its clipboard, its title, its cursor."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otto_logs._commands.terminal import printable

from tests.support.commands import Ended, on_terminal, otto_logs
from tests.support.sse_peer import Answer, SsePeer, event, line, sse_peer

HOSTILE = "\x1b[31mred\x1b[0m \x1b]52;c;cm0gLXJm\x07 \x1b]0;title\x1b\\ \x1b[2J\x9b2J\x90q\x9c \x08\x7f\rforged"
COMPLETE = event("complete", {"status": "COMPLETED", "isComplete": True})
HIT = event("hit", {"entry": {"taskId": "t", "sequence": 1, "message": HOSTILE}})


@pytest.fixture
async def gateway() -> AsyncIterator[SsePeer]:
    async with sse_peer() as peer:
        yield peer


async def shown(gateway: SsePeer, answer: bytes, *arguments: str) -> Ended:
    gateway.answers.append(Answer([answer, COMPLETE]))
    command, *rest = arguments
    return await on_terminal(command, "--url", gateway.url, *rest, environment={"NO_COLOR": "1"})


def controls(text: bytes) -> set[str]:
    return {sign for sign in text.decode() if (sign < " " and sign not in "\n\t") or "\x7f" <= sign < "\xa0"}


@pytest.mark.parametrize("arguments", [("tail", "t"), ("tail", "t", "--no-color"), ("tail", "t", "--json")])
async def test_a_line_in_a_terminal_is_text_alone(gateway: SsePeer, arguments: tuple[str, ...]) -> None:
    """Without colours no control character of a line reaches the terminal."""
    ended = await shown(gateway, line(1, HOSTILE), *arguments)

    assert ended.code == 0
    assert b"forged" in ended.stdout
    assert controls(ended.stdout) == set()


@pytest.mark.parametrize("arguments", [("search", "red"), ("search", "red", "--json")])
async def test_a_hit_in_a_terminal_is_text_alone(gateway: SsePeer, arguments: tuple[str, ...]) -> None:
    """The same for what is found."""
    ended = await shown(gateway, HIT, *arguments)

    assert b"forged" in ended.stdout
    assert controls(ended.stdout) == set()


async def test_colours_are_all_that_a_line_can_set(gateway: SsePeer) -> None:
    """With colours its own are kept, and end with the line."""
    ended = await shown(gateway, line(1, HOSTILE), "tail", "t", "--color")

    text = ended.stdout.decode()
    assert "\x1b[31mred" in text
    assert text.endswith("\x1b[0m\n")
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text


async def test_raw_messages_are_asked_for(gateway: SsePeer) -> None:
    """``--raw`` gives messages as they are, on a terminal too."""
    ended = await shown(gateway, line(1, HOSTILE), "tail", "t", "--raw")

    assert ended.stdout.decode() == HOSTILE + "\n"


async def test_json_for_a_terminal_is_the_same_json(gateway: SsePeer) -> None:
    """What a terminal would obey is escaped as JSON escapes it."""
    ended = await shown(gateway, line(1, HOSTILE), "tail", "t", "--json")

    assert json.loads(ended.stdout.splitlines()[0])["message"] == HOSTILE


async def test_what_the_gateway_says_is_text_alone(gateway: SsePeer) -> None:
    """Errors and gaps on stderr hold nothing that a terminal obeys either."""
    gateway.answers.append(Answer(error=f"no {HOSTILE}", status=403))
    ended = await otto_logs("tail", "--url", gateway.url, "t")

    assert "forged" in ended.stderr
    assert controls(ended.stderr.encode()) == set()


@given(st.text(alphabet=st.sampled_from("\x1b[]0;m\x07\x9b\x90ab\r\x7f")))
def test_printable_text_has_no_control_characters(text: str) -> None:
    """Whatever the text is: none without colours, and with them only those of whole colour sequences."""
    assert controls(printable(text).encode()) == set()
    assert controls(printable(text, colour=True).encode()) <= {"\x1b"}
