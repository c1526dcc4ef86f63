import otto_logs
import pytest
from otto_logs import Level, ProducerLimits, Source, Tls, WorkerStatus
from otto_logs._endpoint import Endpoint
from otto_logs._requests import message_bytes, stage_progress, text_map
from otto_logs._values import check_identifier


def test_everything_public_exists_and_is_documented() -> None:
    """What the package offers is there, with a text."""
    for name in otto_logs.__all__:
        assert getattr(otto_logs, name).__doc__, name


@pytest.mark.parametrize(
    ("text", "level"),
    [("info", Level.INFO), (" Warning ", Level.WARN), ("CRITICAL", Level.FATAL), ("notice", Level.INFO)],
)
def test_levels_have_their_usual_names(text: str, level: Level) -> None:
    """A level is found by any name that the gateway knows for it."""
    assert Level.of(text) is level


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    """The error lists what would be right."""
    with pytest.raises(ValueError, match="'loud' is none of TRACE, DEBUG, INFO, WARN, ERROR, FATAL"):
        Level.of("loud")
    with pytest.raises(ValueError, match="STDOUT, STDERR"):
        Source.of("stdin")
    with pytest.raises(ValueError, match="COMPLETED"):
        WorkerStatus.of("warning")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 257, "é" * 129, "\x7f", "\ud800"])
def test_names_follow_the_gateways_rule(name: str) -> None:
    """1 to 256 bytes of UTF-8 without control characters; anything else is refused before it is sent."""
    with pytest.raises(ValueError, match="task_id must"):
        check_identifier("task_id", name)


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("text\n", b"text"),
        ("text\r\n", b"text"),
        ("text\n\n", b"text\n"),
        ("", b""),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"\xff".decode(errors="surrogateescape"), b"\xff"),
        ("\ud800", b"\xed\xa0\x80"),
    ],
)
def test_a_message_keeps_its_bytes(message: str | bytes, data: bytes) -> None:
    """One line end goes; what is not UTF-8 reaches the gateway, whose business it is."""
    assert message_bytes(message, 100) == (data, 0)


def test_a_long_message_is_cut_between_characters() -> None:
    """No character is cut in half, and the original size is told."""
    assert message_bytes("ééé", 3) == ("é".encode(), 6)
    assert message_bytes("a€", 3) == (b"a", 4)
    assert message_bytes(b"\xff" * 9, 4) == (b"\xff" * 4, 9)


def test_metadata_becomes_text() -> None:
    """Any value goes, also one that is not Unicode."""
    assert text_map({"n": 3, "s": "\ud800"}) == {"n": "3", "s": "?"}


@pytest.mark.parametrize("percentage", [-1, 101])
def test_a_percentage_is_checked(percentage: int) -> None:
    """A stage is 0 to 100 percent done."""
    with pytest.raises(ValueError, match="percentage must be 0 to 100"):
        stage_progress(
            "p",
            "s",
            "running",
            message="",
            percentage=percentage,
            workers=(),
            started_unix_nano=0,
            completed_unix_nano=0,
            error="",
        )


@pytest.mark.parametrize(
    ("gateway", "target"),
    [
        ("host", "host:9090"),
        ("host:1", "host:1"),
        ("grpc://host:2", "host:2"),
        ("[::1]:3", "[::1]:3"),
        ("http://127.0.0.1:4/", "127.0.0.1:4"),
    ],
)
def test_an_address_may_be_written_in_several_ways(gateway: str, target: str) -> None:
    """Host, port and scheme; the port is 9090 where none is given."""
    assert Endpoint(gateway, None, None, 30.0).target == target


@pytest.mark.parametrize("gateway", ["ftp://x", "host:port", "http://", "a/b", "x@y:1", ":1"])
def test_a_wrong_address_is_refused(gateway: str) -> None:
    """The error says what an address looks like."""
    with pytest.raises(ValueError, match="must look like host:port"):
        Endpoint(gateway, None, None, 30.0)


def test_a_token_in_the_open_is_noticed() -> None:
    """Without TLS, only loopback keeps a token private."""
    assert Endpoint("gateway.example:9090", "t", None, 30.0).is_exposed
    assert not Endpoint("grpcs://gateway.example", "t", None, 30.0).is_exposed
    assert not Endpoint("[::1]:9090", "t", None, 30.0).is_exposed


def test_the_token_comes_from_where_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument goes before the environment, and a function is asked each time."""
    monkeypatch.setenv("OTTO_TOKEN", "from the environment")
    tokens = iter(["first", "second"])

    assert Endpoint("h", None, None, 30.0).token() == "from the environment"
    assert Endpoint("h", "argument", None, 30.0).token() == "argument"
    endpoint = Endpoint("h", lambda: next(tokens), None, 30.0)
    assert [endpoint.token(), endpoint.token()] == ["first", "second"]


def test_limits_are_checked() -> None:
    """A limit that cannot work is refused by name; a small spool makes small requests."""
    with pytest.raises(ValueError, match="batch_lines_max must be more than 0"):
        ProducerLimits(batch_lines_max=0)
    with pytest.raises(ValueError, match="spool_bytes_max must be 65536 or more"):
        ProducerLimits(spool_bytes_max=1)
    assert ProducerLimits(spool_bytes_max=65536).batch_bytes_max == 16384
    with pytest.raises(ValueError, match="belong together"):
        Tls(key_file="key.pem")
