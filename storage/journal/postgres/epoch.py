"""The life of a journal on PostgreSQL: bound to the cluster and its timeline, which changes with each promotion.

The first gateway that meets another timeline begins a new life before anything is stored in it. Whether that is also
another epoch, which readers see, depends on what gateways remember. One that ran before the promotion, and finds
everything that it had seen, continues the epoch: positions mean the same as before. One that has just started cannot
know what was lost, and one that misses something does know; either begins a new epoch, and notes where it began.
"""

import logging
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from storage.journal.interface import Ancestor
from storage.postgres.connections import Link, Row

__all__ = ["Life", "Memory", "Remembered", "begin_life"]

_log = logging.getLogger(__name__)

_ANCESTORS_MAX: Final = 64

# The timeline of what is written now; that of the control file is of the last checkpoint, before a promotion even.
_IDENTITY: Final = """
SELECT system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()"""

_LANES: Final = """
SELECT position, stages, lane.epoch AS life, coalesce(shown, lane.epoch) AS epoch, number, system_identifier, timeline
FROM journal_lanes lane LEFT JOIN journal_lives lives ON lives.epoch = lane.epoch ORDER BY lane"""

# Where the lives began that came after one; all of a lane was lost that was behind the first of these places.
_FORKS: Final = """
SELECT known.number IS NOT NULL, (SELECT min(f.position) FROM journal_forks f JOIN journal_lives l USING (epoch)
WHERE f.lane = lanes.lane AND l.number > known.number) FROM journal_lanes lanes,
(SELECT max(number) AS number FROM journal_lives WHERE epoch = $1) AS known ORDER BY lane"""

# With several lanes, everything that is stored after a fork has a higher position than anything before, in any lane.
_LINEAGE: Final = """
SELECT coalesce(p.shown, p.epoch), (SELECT max(position) FROM journal_forks f WHERE f.epoch = l.epoch)
FROM journal_lives l JOIN journal_lives p ON p.epoch = l.parent
WHERE coalesce(p.shown, p.epoch) <> coalesce(l.shown, l.epoch)
AND EXISTS (SELECT 1 FROM journal_forks f WHERE f.epoch = l.epoch) ORDER BY l.number DESC LIMIT $1"""


@dataclass(frozen=True, slots=True)
class Life:
    """One life, where each lane stands, and the epochs that it continues from, the latest first.

    ``token`` is what a commit has to name, so that none of a former life is stored in this one. ``number`` only grows.
    """

    token: str
    number: int
    epoch: str
    positions: tuple[int, ...]
    stages: tuple[int, ...]
    lineage: tuple[Ancestor, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What a gateway remembers: the life that it was in, and the last record of each lane that it stored or saw."""

    token: str
    number: int
    epoch: str
    reached: tuple[int, ...]


class Remembered:
    """A gateway's memory, which its writer and its follower share; any thread.

    Args:
        life: what was found at the start. Earlier gateways may have shown all of it.
    """

    def __init__(self, life: Life) -> None:
        self._guard = threading.Lock()
        self._memory = Memory(life.token, life.number, life.epoch, life.positions)

    def __repr__(self) -> str:
        return f"<Remembered {self._memory}>"

    @property
    def memory(self) -> Memory:
        """All of it, of one moment."""
        return self._memory

    def saw(self, token: str, lane: int, position: int) -> None:
        """A record was stored or read in a life; what is said of another one than the present is left out."""
        with self._guard:
            reached = self._memory.reached
            if token == self._memory.token and position > reached[lane]:
                self._memory = replace(self._memory, reached=(*reached[:lane], position, *reached[lane + 1 :]))

    def began(self, life: Life) -> None:
        """A life was found; one that is not later than the present one changes nothing."""
        with self._guard:
            if life.number > self._memory.number:
                reached = self._memory.reached if life.epoch == self._memory.epoch else life.positions
                self._memory = Memory(life.token, life.number, life.epoch, reached)


def begin_life(link: Link, memory: Memory | None = None) -> Life:
    """The life that the database is in; a new one, if it was promoted or put back since a gateway last looked.

    Args:
        link: a connection without a transaction.
        memory: None: this gateway has just started.
    """
    identity = tuple(link.fetch(_IDENTITY)[0])
    lanes = link.fetch(_LANES)
    if (lanes[0]["system_identifier"], lanes[0]["timeline"]) != identity or _is_lost(link, memory, lanes):
        _renew(link, identity, memory)
        lanes = link.fetch(_LANES)
    lineage = tuple(Ancestor(*row) for row in link.fetch(_LINEAGE, _ANCESTORS_MAX))
    positions, stages = (tuple(lane[name] for lane in lanes) for name in ("position", "stages"))
    return Life(lanes[0]["life"], lanes[0]["number"], lanes[0]["epoch"], positions, stages, lineage)


def _is_lost(link: Link, memory: Memory | None, lanes: Sequence[Row]) -> bool:
    """Whether a database of the same epoch misses what a gateway remembers: it ends before that, or did at a fork."""
    if memory is None or memory.epoch != lanes[0]["epoch"]:
        return False
    forks = link.fetch(_FORKS, memory.token)
    return any(
        not known or reached > (lane["position"] if fork is None else fork)
        for lane, (known, fork), reached in zip(lanes, forks, memory.reached, strict=True)
    )


def _renew(link: Link, identity: tuple[object, ...], memory: Memory | None) -> None:
    """Store a new life, unless another gateway has done so meanwhile."""
    link.execute("BEGIN")
    try:
        link.fetch("SELECT 1 FROM journal_lanes ORDER BY lane FOR UPDATE")
        lanes = link.fetch(_LANES)
        lane, is_lost = lanes[0], _is_lost(link, memory, lanes)
        if (lane["system_identifier"], lane["timeline"]) != identity or is_lost:
            token = secrets.token_hex(4)
            is_continued = bool(lane["life"]) and memory is not None and not is_lost
            shown = lane["epoch"] if is_continued else token
            link.execute(
                "INSERT INTO journal_lives (epoch, number, system_identifier, timeline, parent, shown) "
                "SELECT $1, coalesce(max(number), 0) + 1, $2, $3, nullif($4, ''), $5 FROM journal_lives",
                *(token, *identity, lane["life"], shown),
            )
            link.execute(
                "INSERT INTO journal_forks (epoch, lane, position) SELECT $1, lane, position FROM journal_lanes", token
            )
            link.execute("UPDATE journal_lanes SET epoch = $1", token)
            if lane["life"]:
                _tell(lanes, shown, memory)
        link.execute("COMMIT")
    except BaseException:
        link.drop()
        raise


def _tell(lanes: Sequence[Row], shown: str, memory: Memory | None) -> None:
    epoch = lanes[0]["epoch"]
    fields = {"epoch": epoch, "record": max(lane["position"] for lane in lanes)}
    if epoch == shown:
        _log.warning("the database was promoted and has everything; the epoch stays", extra=fields)
    elif memory is None:
        _log.warning("the database has another timeline; the journal begins a new epoch", extra=fields)
    else:
        fields["reached"] = max(memory.reached)
        _log.error("the database has lost records; the journal begins a new epoch", extra=fields)
