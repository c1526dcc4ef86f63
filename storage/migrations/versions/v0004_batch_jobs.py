"""The tables of batch jobs."""

from alembic import op

from components.batch_jobs.tables.schema import metadata

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create them."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Nothing takes jobs away."""
    raise NotImplementedError("jobs are not taken away")
