"""The life of a journal on PostgreSQL: bound to the cluster and its timeline, which changes with each promotion.

A promotion, or a restored backup, may have lost what was acknowledged; positions of it would be given again. So the
first gateway that meets another timeline begins a new life, and notes where each lane stood, before anything is stored
in it. Positions up to there mean the same as before.
"""

import logging
import secrets
from dataclasses import dataclass
from typing import Final

from storage.journal.interface import Ancestor
from storage.journal.postgres.schema import LANE
from storage.postgres.connections import Link

__all__ = ["Life", "begin_life"]

_log = logging.getLogger(__name__)

_ANCESTORS_MAX: Final = 64

# The timeline of what is written now; that of the control file is of the last checkpoint, before a promotion even.
_IDENTITY: Final = """
SELECT system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()"""

_LINEAGE: Final = """
SELECT l.parent, f.position FROM journal_lives l JOIN journal_forks f ON f.epoch = l.epoch AND f.lane = $1
WHERE l.parent IS NOT NULL ORDER BY l.number DESC LIMIT $2"""


@dataclass(frozen=True, slots=True)
class Life:
    """One life, where the lane stands, and the lives that it continues from, the latest first."""

    epoch: str
    position: int
    stages: int
    lineage: tuple[Ancestor, ...] = ()


def begin_life(link: Link) -> Life:
    """The life that the database is in; a new one, if it was promoted or put back since a gateway last looked."""
    identifier, timeline = link.fetch(_IDENTITY)[0]
    lane = link.fetch("SELECT position, stages, epoch FROM journal_lanes WHERE lane = $1", LANE)[0]
    if not _is_of(link, lane["epoch"], identifier, timeline):
        _renew(link, identifier, timeline)
        lane = link.fetch("SELECT position, stages, epoch FROM journal_lanes WHERE lane = $1", LANE)[0]
    lineage = tuple(Ancestor(*row) for row in link.fetch(_LINEAGE, LANE, _ANCESTORS_MAX))
    return Life(lane["epoch"], lane["position"], lane["stages"], lineage)


def _is_of(link: Link, epoch: str, identifier: int, timeline: str) -> bool:
    rows = link.fetch("SELECT system_identifier, timeline FROM journal_lives WHERE epoch = $1", epoch)
    return bool(rows) and tuple(rows[0]) == (identifier, timeline)


def _renew(link: Link, identifier: int, timeline: str) -> None:
    """Store a new life, unless another gateway has done so meanwhile."""
    link.execute("BEGIN")
    try:
        lanes = link.fetch("SELECT lane, position, epoch FROM journal_lanes ORDER BY lane FOR UPDATE")
        parent = lanes[0]["epoch"]
        if not _is_of(link, parent, identifier, timeline):
            epoch = secrets.token_hex(4)
            link.execute(
                "INSERT INTO journal_lives (epoch, number, system_identifier, timeline, parent) "
                "SELECT $1, coalesce(max(number), 0) + 1, $2, $3, nullif($4, '') FROM journal_lives",
                *(epoch, identifier, timeline, parent),
            )
            link.execute(
                "INSERT INTO journal_forks (epoch, lane, position) SELECT $1, lane, position FROM journal_lanes", epoch
            )
            link.execute("UPDATE journal_lanes SET epoch = $1", epoch)
            if parent:
                _log.warning(
                    "the database has another timeline; the journal begins a new epoch",
                    extra={"epoch": parent, "record": lanes[0]["position"], "timeline": timeline},
                )
        link.execute("COMMIT")
    except BaseException:
        link.drop()
        raise
