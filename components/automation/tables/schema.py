"""The automation tables, as one metadata for every database. All differences between databases are in this module."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

from components.automation.tables.times import UtcTime

__all__ = [
    "POSTGRES_TRIGGERS",
    "SQLITE_TRIGGERS",
    "contents",
    "courier_progress",
    "metadata",
    "scheduler_lock",
    "stage_processes",
    "task_logs",
    "task_queue",
    "task_schedules",
    "tasks",
]

_Id: Final = Integer().with_variant(BigInteger(), "postgresql")
_QUEUES: Final = "('schedule', 'script', 'image', 'video', 'youtube')"

metadata = MetaData()


def _time(name: str, *, is_now: bool = False) -> Column[object]:
    return Column(name, UtcTime, server_default=text("CURRENT_TIMESTAMP") if is_now else None)


tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("type", Text, CheckConstraint("type IN ('shortform', 'longform', 'product')"), nullable=False),
    Column("user_id", Text),
    Column("product_info", Text),
    Column("settings", Text),
    Column("youtube_url", Text),
    Column("last_error", Text),
    Column("content_id", Text, ForeignKey("contents.id")),
    *(Column(name, Text) for name in ("script_path", "video_path", "thumbnail_path")),
    _time("created_at", is_now=True),
    _time("updated_at", is_now=True),
)

contents = Table(
    "contents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text),
    Column("type", Text, CheckConstraint("type IN ('script', 'video')")),
    *(Column(name, Text) for name in ("format", "title", "content", "status")),
    Column("progress", Integer, server_default="0"),
    Column("task_id", Text),  # no reference: the content outlives its task, and the two tables would need each other
    *(Column(name, Text) for name in ("video_path", "thumbnail_path")),
    Column("published", Integer, server_default="0"),
    *(Column(name, Text) for name in ("youtube_url", "error")),
    _time("created_at", is_now=True),
    _time("updated_at", is_now=True),
)

task_schedules = Table(
    "task_schedules",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    _time("scheduled_time"),
    Column("repeat_type", Text, CheckConstraint("repeat_type IN ('once', 'daily', 'weekly', 'monthly')")),
    Column("repeat_config", Text),
    _time("next_run_at"),
    Column("is_active", Integer, server_default="1"),
    Column("channel_setting_id", Text),
    Column("youtube_privacy", Text, server_default="public"),
    _time("youtube_publish_time"),
    _time("created_at", is_now=True),
    sqlite_autoincrement=True,
)

task_queue = Table(
    "task_queue",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    Column("schedule_id", _Id, ForeignKey("task_schedules.id")),
    Column("queue_type", Text, CheckConstraint(f"queue_type IN {_QUEUES}"), nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('waiting', 'processing', 'completed', 'failed')"),
        nullable=False,
    ),
    Column("retry_count", Integer, server_default="0"),
    Column("max_retry", Integer, server_default="3"),
    _time("next_retry_at"),
    Column("error_message", Text),
    _time("created_at", is_now=True),
    _time("updated_at", is_now=True),
    _time("completed_at"),
    Index("idx_task_queue_status", "queue_type", "status"),
    Index("idx_task_queue_task_id", "task_id"),
    Index("idx_task_queue_retry", "status", "next_retry_at"),
    # Ours: one item at a time per queue type is the database's rule, not a scheduler's good will.
    Index(
        "otto_task_queue_processing",
        "queue_type",
        unique=True,
        sqlite_where=text("status = 'processing'"),
        postgresql_where=text("status = 'processing'"),
    ),
    sqlite_autoincrement=True,
)

task_logs = Table(
    "task_logs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    Column("queue_id", _Id, ForeignKey("task_queue.id", ondelete="SET NULL")),
    Column("level", Text, CheckConstraint("level IN ('info', 'warn', 'error')")),
    Column("message", Text, nullable=False),
    Column(
        "action_type",
        Text,
        CheckConstraint("action_type IN ('start', 'progress', 'complete', 'fail', 'retry', 'stop', 'skip')"),
    ),
    Column("queue_type", Text, CheckConstraint(f"queue_type IN {_QUEUES}")),
    Column("pid", Integer),
    Column("process_name", Text),
    Column("metadata", Text),
    _time("created_at", is_now=True),
    Index("idx_task_logs_task_id", "task_id"),
    Index("idx_task_logs_action", "task_id", "action_type"),
    Index("idx_task_logs_queue_type", "task_id", "queue_type"),
    sqlite_autoincrement=True,
)

scheduler_lock = Table(
    "scheduler_lock",
    metadata,
    Column("lock_name", Text, primary_key=True),
    _time("locked_at"),
    Column("locked_by", Text),
    _time("expires_at"),
)

# The process group of each running stage: the scheduler that takes over an item of a dead one kills it first. The
# boot and the start time distinguish the process from a later one with the same pid.
stage_processes = Table(
    "otto_stage_processes",
    metadata,
    Column("queue_id", _Id, primary_key=True, autoincrement=False),
    Column("boot_id", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("start_ticks", _Id, nullable=False),
)

# How far task_logs has been sent to a gateway's journal.
courier_progress = Table(
    "otto_courier_progress",
    metadata,
    Column("courier", Text, primary_key=True),
    Column("log_id", _Id, nullable=False),
)


# By triggers, for programs that open the database themselves do not switch foreign keys on.
SQLITE_TRIGGERS: Final = (
    """CREATE TRIGGER IF NOT EXISTS otto_content_deleted BEFORE DELETE ON contents BEGIN
           UPDATE tasks SET content_id = NULL WHERE content_id = OLD.id;
       END""",
    """CREATE TRIGGER IF NOT EXISTS otto_task_deleted AFTER DELETE ON tasks BEGIN
           UPDATE contents SET task_id = NULL WHERE task_id = OLD.id;
       END""",
    # A scheduler of the older system does not ask whether an item of the queue is being processed: it gets nothing
    # then, in place of an error of the unique index.
    """CREATE TRIGGER IF NOT EXISTS otto_one_processing BEFORE UPDATE OF status ON task_queue
       WHEN NEW.status = 'processing' AND OLD.status <> 'processing' AND EXISTS (
           SELECT 1 FROM task_queue WHERE queue_type = NEW.queue_type AND status = 'processing' AND id <> NEW.id)
       BEGIN
           SELECT RAISE(IGNORE);
       END""",
)

POSTGRES_TRIGGERS: Final = (
    """CREATE OR REPLACE FUNCTION otto_content_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           UPDATE tasks SET content_id = NULL WHERE content_id = OLD.id;
           RETURN OLD;
       END $$""",
    (
        "CREATE OR REPLACE TRIGGER otto_content_deleted BEFORE DELETE ON contents FOR EACH ROW "
        "EXECUTE FUNCTION otto_content_deleted()"
    ),
    """CREATE OR REPLACE FUNCTION otto_task_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           UPDATE contents SET task_id = NULL WHERE task_id = OLD.id;
           RETURN NULL;
       END $$""",
    (
        "CREATE OR REPLACE TRIGGER otto_task_deleted AFTER DELETE ON tasks FOR EACH ROW "
        "EXECUTE FUNCTION otto_task_deleted()"
    ),
    """CREATE OR REPLACE FUNCTION otto_one_processing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.status = 'processing' AND OLD.status <> 'processing' AND EXISTS (
               SELECT 1 FROM task_queue WHERE queue_type = NEW.queue_type AND status = 'processing' AND id <> NEW.id)
           THEN
               RETURN NULL;
           END IF;
           RETURN NEW;
       END $$""",
    (
        "CREATE OR REPLACE TRIGGER otto_one_processing BEFORE UPDATE OF status ON task_queue FOR EACH ROW "
        "EXECUTE FUNCTION otto_one_processing()"
    ),
)
