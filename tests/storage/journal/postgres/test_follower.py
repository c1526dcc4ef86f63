"""What a gateway publishes of the commits of others, without a database."""

from storage.journal.interface import Committed
from storage.journal.postgres.follower import Follower
from storage.journal.postgres.lane_place import LanePlace
from storage.journal.postgres.relayed import RelayedCommit


async def _unused() -> str:
    raise AssertionError


async def test_commits_that_come_in_another_order_wait_for_each_other() -> None:
    """Those of another life, and those that were passed already, are left out."""
    heard: list[Committed] = []
    follower = Follower(
        *("postgresql://nowhere", "nowhere", [LanePlace(0, 0, 0)]),
        publish=heard.append,
        saw=lambda *_: None,
        watched=lambda: ["build"],
        look=_unused,
    )
    follower.token = "11111111"
    for before, token in ((1, follower.token), (0, "00000000"), (0, follower.token), (0, follower.token)):
        follower.received(RelayedCommit("b", token, before, before + 1, [("x", 0, 1, 1, 0, 1, 0, b"")]))
    assert follower.position == 2
    assert len(heard) == 2
