import pytest

from gateway.ingest.masking.sealed import OwnKey, seal


def test_sealed_text_is_for_one_key_and_one_name() -> None:
    """Another key, another name and a changed byte open nothing."""
    key, other = OwnKey(), OwnKey()
    sealed = seal(b"secret", key.public, "gateway-1")
    assert key.open(sealed, "gateway-1") == b"secret"
    assert b"secret" not in sealed
    for opener, text, name in (
        (other, sealed, "gateway-1"),
        (key, sealed, "gateway-2"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), "gateway-1"),
        (key, seal(b"secret", other.public, "gateway-1"), "gateway-1"),
        (key, sealed[:32], "gateway-1"),
        (key, b"", "gateway-1"),
    ):
        with pytest.raises(ValueError):
            opener.open(text, name)


def test_sealed_texts_differ_each_time() -> None:
    """The same text twice has nothing in common, as its key is used once."""
    key = OwnKey()
    first, second = (seal(b"secret", key.public, "g") for _ in range(2))
    assert first[:32] != second[:32]
    assert first[32:] != second[32:]


def test_sealed_for_what_is_no_key_is_an_error() -> None:
    """Of the right length it has to be."""
    with pytest.raises(ValueError):
        seal(b"secret", b"short", "g")
