"""The tables of executions, for polling tables in the journal's database; elsewhere the store makes them itself."""

from alembic import op

from components.executions.tables.schema import create_missing

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create what is missing; the tables of an older application are taken as they are."""
    create_missing(op.get_bind())


def downgrade() -> None:
    """Nothing takes records away."""
    raise NotImplementedError("records are not taken away")
