"""Tables of components, described with SQLAlchemy, in a database that other programs may be using."""

from storage.tables.database import DatabaseLocation, TableDatabase

__all__ = ["DatabaseLocation", "TableDatabase"]
