"""What a journal counts."""

from dataclasses import dataclass

__all__ = ["JournalStatistics"]


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """Counts since the start, and what is pending now."""

    waiting_lines: int = 0
    waiting_bytes: int = 0
    commits: int = 0
    lines: int = 0
    stored_bytes: int = 0
    duplicates: int = 0
    last_commit_seconds: float = 0.0
    commit_seconds: float = 0.0
    """What all commits took together."""
    error: str = ""
    """Why the journal cannot write at the moment; empty when it can."""
    is_disk_full: bool = False
    """Nothing could be stored since the disk was found to be full."""
    disk_bytes_free: int | None = None
    """What the database may still grow by; None: it is not known."""
    last_record: int = 0
    """The id of the newest record, from which sinks compute their lag; 0 if nothing is stored or it is not known."""
    damaged_records: int = 0
    """Records that were found damaged on the disk."""
