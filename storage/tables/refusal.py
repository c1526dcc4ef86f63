"""A record that the tables of an existing database do not take."""

__all__ = ["RecordRefusedError"]


class RecordRefusedError(Exception):
    """A constraint of the table stands against the record; trying again does not help.

    Attributes:
        reason: what the database says.
        field: the column that the constraint is about, where the database says it.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(f"the database does not take this record: {reason}")
        self.reason = reason
        self.field = field
