"""How far a gateway has followed one lane; free of I/O."""

from typing import Any, Final

from storage.journal.postgres.commit_call import StoredRange
from storage.journal.postgres.relayed import RelayedCommit

__all__ = ["LanePlace"]

_EARLY_MAX: Final = 256
"""Commits that wait for others before them."""


class LanePlace:
    """Where a lane is followed; what this gateway stored itself is passed over.

    Attributes:
        position: the last record up to which everything was published here.
        stages: the same of transitions of pipelines.
        seen: the last record that is known of.
        day: of the last record that was read; those after it are of this day or later ones. None: not known yet.
    """

    def __init__(self, lane: int, position: int, stages: int) -> None:
        self.lane = lane
        self.day: Any = None
        self.restart(position, stages)

    def __repr__(self) -> str:
        return f"<LanePlace lane={self.lane} position={self.position} lag={self.lag}>"

    @property
    def lag(self) -> int:
        """By how much what is known of is further."""
        return max(self.seen - self.position, 0)

    def restart(self, position: int, stages: int) -> None:
        """Another epoch of the journal has begun, which may stand before the position."""
        self.position, self.stages, self.seen = position, stages, position
        self._own: dict[int, int] = {}
        self._own_stages: dict[int, int] = {}
        self._early: dict[int, RelayedCommit] = {}  # by where they begin

    def committed(self, stored: StoredRange) -> None:
        """Pass over what this gateway has stored."""
        self.position = _passed(self.position, self._own, stored.before, stored.position)
        self.stages = _passed(self.stages, self._own_stages, stored.stages_before, stored.stages)
        self.seen = max(self.seen, stored.position)

    def received(self, commit: RelayedCommit) -> None:
        """Keep a commit of another gateway until all before it are there."""
        if commit.before < self.position:
            return
        if len(self._early) >= _EARLY_MAX:
            self._early.clear()  # they are read from the database
        self._early[commit.before] = commit

    def next_received(self) -> RelayedCommit | None:
        """Take the commit that was received and comes next, if it is there."""
        commit = self._early.pop(self.position, None)
        if commit is None or commit.position <= self.position:
            return None
        self.seen = max(self.seen, commit.position)
        self.pass_over(commit.position)
        return commit

    def pass_over(self, position: int) -> None:
        """Everything up to a record is published, or nobody here waits for it."""
        self.position = max(self.position, position)
        self.position = _passed(self.position, self._own, self.position, self.position)
        for before in [each for each in self._early if each < self.position]:
            del self._early[before]

    def pass_over_stages(self, upto: int) -> None:
        """The same of transitions."""
        self.stages = _passed(max(self.stages, upto), self._own_stages, upto, upto)

    def is_own(self, position: int) -> bool:
        """Whether this gateway stored a record itself."""
        return any(before < position <= last for before, last in self._own.items())


def _passed(position: int, own: dict[int, int], before: int, last: int) -> int:
    """Where a position gets to with a range that this gateway stored itself, and with those that waited for it."""
    if last > position:
        own[before] = last
    for start in sorted(own):
        if start <= position:
            position = max(position, own.pop(start))
    return position
