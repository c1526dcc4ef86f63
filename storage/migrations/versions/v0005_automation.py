"""The tables of the automation queue."""

from alembic import op

from storage.automation.schema import create_missing

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    """Create what is missing; the tables of an older application are taken as they are."""
    create_missing(op.get_bind())


def downgrade() -> None:
    """Nothing takes records away."""
    raise NotImplementedError("records are not taken away")
