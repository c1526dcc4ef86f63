"""Tables of components, described with SQLAlchemy, in a database that other programs may be using."""

from storage.tables.database import TableDatabase

__all__ = ["TableDatabase"]
