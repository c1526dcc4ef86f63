"""The life of a journal on PostgreSQL: bound to the cluster and its timeline, which changes with each promotion.

The first gateway that meets another timeline begins a new life before anything is stored in it. Whether that is also
another epoch, which readers see, depends on what gateways remember. One that ran before the promotion, and finds
everything that it had seen, continues the epoch: positions mean the same as before. One that has just started cannot
know what was lost, and one that misses something does know; either begins a new epoch, and notes where it began.
"""

import logging
import secrets
import threading
from dataclasses import dataclass, replace
from typing import Final

from storage.journal.interface import Ancestor
from storage.journal.postgres.schema import LANE
from storage.postgres.connections import Link, Row

__all__ = ["Life", "Memory", "Remembered", "begin_life"]

_log = logging.getLogger(__name__)

_ANCESTORS_MAX: Final = 64

# The timeline of what is written now; that of the control file is of the last checkpoint, before a promotion even.
_IDENTITY: Final = """
SELECT system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()"""

_LANE: Final = """
SELECT position, stages, lane.epoch AS life, coalesce(shown, lane.epoch) AS epoch, number, system_identifier, timeline
FROM journal_lanes lane LEFT JOIN journal_lives lives ON lives.epoch = lane.epoch WHERE lane = $1"""

# Where the lives began that came after one; all of it was lost that was behind the first of these places.
_FORK: Final = """
SELECT known.number IS NOT NULL, (SELECT min(f.position) FROM journal_forks f JOIN journal_lives l USING (epoch)
WHERE f.lane = $1 AND l.number > known.number)
FROM (SELECT max(number) AS number FROM journal_lives WHERE epoch = $2) AS known"""

_LINEAGE: Final = """
SELECT coalesce(p.shown, p.epoch), f.position FROM journal_lives l JOIN journal_lives p ON p.epoch = l.parent
JOIN journal_forks f ON f.epoch = l.epoch AND f.lane = $1
WHERE coalesce(p.shown, p.epoch) <> coalesce(l.shown, l.epoch) ORDER BY l.number DESC LIMIT $2"""


@dataclass(frozen=True, slots=True)
class Life:
    """One life, where the lane stands, and the epochs that it continues from, the latest first.

    ``token`` is what a commit has to name, so that none of a former life is stored in this one. ``number`` only grows.
    """

    token: str
    number: int
    epoch: str
    position: int
    stages: int
    lineage: tuple[Ancestor, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What a gateway remembers: the life that it was in, and the last record that it stored or saw."""

    token: str
    number: int
    epoch: str
    reached: int


class Remembered:
    """A gateway's memory, which its writer and its follower share; any thread.

    Args:
        life: what was found at the start. Earlier gateways may have shown all of it.
    """

    def __init__(self, life: Life) -> None:
        self._guard = threading.Lock()
        self._memory = Memory(life.token, life.number, life.epoch, life.position)

    def __repr__(self) -> str:
        return f"<Remembered {self._memory}>"

    @property
    def memory(self) -> Memory:
        """All of it, of one moment."""
        return self._memory

    def saw(self, token: str, position: int) -> None:
        """A record was stored or read in a life; what is said of another one than the present is left out."""
        with self._guard:
            if token == self._memory.token and position > self._memory.reached:
                self._memory = replace(self._memory, reached=position)

    def began(self, life: Life) -> None:
        """A life was found; one that is not later than the present one changes nothing."""
        with self._guard:
            if life.number > self._memory.number:
                reached = self._memory.reached if life.epoch == self._memory.epoch else life.position
                self._memory = Memory(life.token, life.number, life.epoch, reached)


def begin_life(link: Link, memory: Memory | None = None) -> Life:
    """The life that the database is in; a new one, if it was promoted or put back since a gateway last looked.

    Args:
        link: a connection without a transaction.
        memory: None: this gateway has just started.
    """
    identity = tuple(link.fetch(_IDENTITY)[0])
    lane = link.fetch(_LANE, LANE)[0]
    if (lane["system_identifier"], lane["timeline"]) != identity or _is_lost(link, memory, lane):
        _renew(link, identity, memory)
        lane = link.fetch(_LANE, LANE)[0]
    lineage = tuple(Ancestor(*row) for row in link.fetch(_LINEAGE, LANE, _ANCESTORS_MAX))
    return Life(lane["life"], lane["number"], lane["epoch"], lane["position"], lane["stages"], lineage)


def _is_lost(link: Link, memory: Memory | None, lane: Row) -> bool:
    """Whether a database of the same epoch misses what a gateway remembers: it ends before that, or did at a fork."""
    if memory is None or memory.epoch != lane["epoch"]:
        return False
    known, fork = link.fetch(_FORK, LANE, memory.token)[0]
    return not known or memory.reached > (lane["position"] if fork is None else fork)


def _renew(link: Link, identity: tuple[object, ...], memory: Memory | None) -> None:
    """Store a new life, unless another gateway has done so meanwhile."""
    link.execute("BEGIN")
    try:
        link.fetch("SELECT 1 FROM journal_lanes ORDER BY lane FOR UPDATE")
        lane = link.fetch(_LANE, LANE)[0]
        is_lost = _is_lost(link, memory, lane)
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
                _tell(lane, shown, memory)
        link.execute("COMMIT")
    except BaseException:
        link.drop()
        raise


def _tell(lane: Row, shown: str, memory: Memory | None) -> None:
    fields = {"epoch": lane["epoch"], "record": lane["position"]}
    if lane["epoch"] == shown:
        _log.warning("the database was promoted and has everything; the epoch stays", extra=fields)
    elif memory is None:
        _log.warning("the database has another timeline; the journal begins a new epoch", extra=fields)
    else:
        fields["reached"] = memory.reached
        _log.error("the database has lost records; the journal begins a new epoch", extra=fields)
