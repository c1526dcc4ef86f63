"""Claims of a verified token."""

from typing import Any

import pytest

from gateway.auth.claims import ClaimsError, principal_of_claims

EXP = {"exp": 2_000_000_000}


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "logs:read logs:write"},
        {"scope": ["logs:read", "logs:write"]},
        {"scopes": ["logs:read", "logs:write"]},
        {"scp": "logs:read  logs:write"},
        {"scope": "logs:read", "scp": ["logs:write"]},
    ],
)
def test_scopes_may_be_written_in_several_ways(claims: dict[str, Any]) -> None:
    """``scope``, ``scopes`` and ``scp`` count together, as text or list."""
    assert principal_of_claims(EXP | claims).scopes == {"logs:read", "logs:write"}


def test_a_token_without_scopes_may_do_nothing() -> None:
    """No claim, no scope."""
    assert principal_of_claims(EXP).scopes == frozenset()


def test_absent_tasks_are_all_and_an_empty_list_is_none() -> None:
    """A claim bounds, its absence does not."""
    assert principal_of_claims(EXP).tasks is None
    none = principal_of_claims(EXP | {"tasks": []}).tasks
    assert none is not None
    assert "any" not in none
    one = principal_of_claims(EXP | {"tasks": "build-*"}).tasks
    assert one is not None
    assert "build-1" in one


@pytest.mark.parametrize("name", ["scope", "scopes", "scp", "tasks", "pipelines"])
@pytest.mark.parametrize("value", [None, 7, True, {"a": 1}, [1], ["a", None], [["a"]]])
def test_malformed_lists_are_refused(name: str, value: object) -> None:
    """A slip of the issuer refuses the token and widens nothing."""
    with pytest.raises(ClaimsError, match=name):
        principal_of_claims(EXP | {name: value})


@pytest.mark.parametrize("subject", ["", "a\nb", "x" * 257, "\x00"])
def test_a_subject_is_an_identifier(subject: str) -> None:
    """It qualifies producers' numbers and is written to logs."""
    with pytest.raises(ClaimsError, match="sub"):
        principal_of_claims(EXP | {"sub": subject})


def test_the_subject_is_told_and_may_be_absent() -> None:
    """It is empty then."""
    assert principal_of_claims(EXP | {"sub": "someone"}).subject == "someone"
    assert principal_of_claims(EXP).subject == ""
    with pytest.raises(ClaimsError, match=r"^the token's claim sub must not be empty$"):
        principal_of_claims(EXP | {"sub": ""})


def test_a_token_expires_when_it_says() -> None:
    """Plus the leeway for clocks that differ, where there is one; fractions of a second do not count."""
    assert principal_of_claims({"exp": 1000.9}).expires_at == 1000
    assert principal_of_claims({"exp": 1000}, 2.5).expires_at == 1002.5


def test_a_token_may_be_good_for_ever() -> None:
    """A time that no clock will show is the last one that can be written."""
    assert principal_of_claims({"exp": 10**400}, 1.0).expires_at == 253_402_300_800.0


def test_a_principal_expires_when_its_token_is_no_longer_accepted() -> None:
    """The leeway counts, so that a stream which was just let in is not ended at once."""
    assert principal_of_claims(EXP, 10.0).expires_at == EXP["exp"] + 10.0
