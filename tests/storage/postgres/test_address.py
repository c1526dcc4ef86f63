import pytest

from storage.errors import DatabaseError
from storage.postgres.address import plain_url, shown_address, single_servers


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:se%40cret@db1:5432/otto?sslmode=require", "db1:5432/otto"),
        ("postgresql://user@db1:5432,db2/otto", "db1:5432,db2/otto"),
        ("postgresql:///otto", "the local socket/otto"),
        ("postgresql://[::1]:5432/my%20logs", "[::1]:5432/my logs"),
    ],
)
def test_shown_address_has_no_user_and_no_password(url: str, shown: str) -> None:
    """Servers and database, to be logged."""
    assert shown_address(url) == shown


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://db1", "must name a database"),
        ("postgresql://db1/", "must name a database"),
        ("postgresql://db1:x/otto", "cannot be read"),
        ("postgresql://db1,db2:99999/otto", "cannot be read"),
    ],
)
def test_shown_address_says_what_is_wrong_with_a_url(url: str, text: str) -> None:
    """In one sentence."""
    with pytest.raises(DatabaseError, match=text):
        shown_address(url)


def test_plain_url_leaves_the_driver_out() -> None:
    """Other programs name it."""
    assert plain_url("postgresql+asyncpg://user@db1/otto+x") == "postgresql://user@db1/otto+x"
    assert plain_url("postgresql://db1/otto") == "postgresql://db1/otto"


def test_single_servers_names_each_with_everything_else() -> None:
    """User, database and options are those of all."""
    assert single_servers("postgresql://u:p@a:1,b/otto?x=1") == [
        "postgresql://u:p@a:1/otto?x=1",
        "postgresql://u:p@b/otto?x=1",
    ]
    assert single_servers("postgresql://a/otto") == ["postgresql://a/otto"]
