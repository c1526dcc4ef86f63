"""``otto-gateway automation``: a scheduler as a process of its own, and what users do to tasks."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from gateway.monitoring.terminal import printable
from gateway.settings.values import MEDIA_MODES

if TYPE_CHECKING:
    from components.automation.scheduler import AnyStage, Scheduler
    from components.automation.tables import AutomationDatabase, TaskRepository

__all__ = ["automation"]

_LINES_MAX: Final = 1000

_database = click.option(
    "--database", envvar="DATABASE_URL", default="sqlite:///otto.db", show_default=True, help="Where the queue is."
)


@click.group()
def automation() -> None:
    """The automation queue: run it, and add, list, show, stop, retry and delete tasks."""


@automation.command()
@_database
@click.option("--tasks-dir", envvar="TASKS_DIR", default="tasks", type=click.Path(path_type=Path), show_default=True)
@click.option("--gateway", help="host:port that takes the lines over gRPC; without it they stay in task_logs.")
@click.option("--token", envvar="OTTO_TOKEN", help="A token for the gateway.")
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), help="Where Prometheus finds /metrics; 0: any free port."
)
@click.option("--metrics-host", default="127.0.0.1", show_default=True)
def run(
    database: str,
    tasks_dir: Path,
    gateway: str | None,
    token: str | None,
    metrics_port: int | None,
    metrics_host: str,
) -> None:
    """Pass tasks through their stages, which are those of the gateway's settings, until SIGTERM or SIGINT."""
    _require_extra()
    from components.automation.stage_settings import stages_of
    from gateway.settings.sources import SettingsError, load_settings

    try:
        stages = stages_of(load_settings())
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    metrics = None if metrics_port is None else (metrics_host, metrics_port)
    asyncio.run(_run(_opened(database), stages, tasks_dir.absolute(), gateway, token, metrics))


async def _run(
    database: "AutomationDatabase",
    stages: "dict[str, AnyStage]",
    tasks_directory: Path,
    gateway: str | None,
    token: str | None,
    metrics: tuple[str, int] | None,
) -> None:
    from components.automation.producer_destination import ProducerDestination
    from components.automation.scheduler import Scheduler
    from components.automation.task_log_forwarder import TaskLogForwarder

    async with contextlib.AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        scheduler = Scheduler(database, stages, tasks_directory)
        if metrics is not None:
            stack.callback(_serve_metrics(scheduler, *metrics))
        work = [group.create_task(scheduler.run()), group.create_task(scheduler.counters.run())]
        click.echo(f"the queue in {database.location} is run, with files in {tasks_directory}", err=True)
        if gateway is not None:
            from otto_logs import LogProducer

            producer = await stack.enter_async_context(LogProducer(gateway, token=token))
            work.append(group.create_task(TaskLogForwarder(database, ProducerDestination(producer)).run()))
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def _serve_metrics(scheduler: "Scheduler", host: str, port: int) -> Callable[[], None]:
    """Answer ``GET /metrics`` from a thread; returns what ends it."""
    from prometheus_client import CollectorRegistry, start_http_server

    from components.automation.metrics import AutomationCollector

    registry = CollectorRegistry()
    registry.register(AutomationCollector(lambda: scheduler.counters.statistics))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise click.ClickException(f"--metrics-port {port}: {error.strerror}") from error
    click.echo(f"metrics: http://{host}:{server.server_port}/metrics", err=True)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


@automation.command()
@_database
@click.argument("title")
@click.option("--type", "kind", type=click.Choice(["shortform", "longform", "product"]), default="shortform")
@click.option("--settings", default="{}", help='JSON, such as {"mediaMode": "crawl"}.')
@click.option("--at", help="When it starts, such as 2027-01-31T09:00; without it at once.")
@click.option("--repeat", type=click.Choice(["once", "daily", "weekly", "monthly"]), default="once", show_default=True)
@click.option("--timezone", default="UTC", show_default=True, help="Where --at is, and where days and months are.")
def add(database: str, title: str, kind: str, settings: str, at: str | None, repeat: str, timezone: str) -> None:
    """Add a task, which starts at once or when --at says; prints its id."""
    _require_extra()
    from components.automation.schedules import time_zone, utc_of

    try:
        given = json.loads(settings)
    except ValueError as error:
        raise click.BadParameter(f"it is not JSON: {error}", param_hint="--settings") from error
    if not isinstance(given, dict):
        raise click.BadParameter('give a JSON object, such as {"mediaMode": "crawl"}', param_hint="--settings")
    if given.get("mediaMode", "upload") not in MEDIA_MODES:
        raise click.BadParameter(f"mediaMode must be one of {', '.join(MEDIA_MODES)}", param_hint="--settings")
    if not title.strip() or not title.isprintable():
        raise click.BadParameter("give at least one printable character", param_hint="TITLE")
    schedule: dict[str, Any] = {"repeat_type": repeat, "repeat_config": json.dumps({"timezone": timezone})}
    try:
        zone = time_zone(timezone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--timezone") from error
    try:
        schedule["scheduled_time"] = due_at = None if at is None else utc_of(at, zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from error
    click.echo(_tasks(database).create(title.strip(), kind, settings=given, schedule=schedule, due_at=due_at))


@automation.command(name="list")
@_database
def list_tasks(database: str) -> None:
    """Print the newest tasks, each with where it is."""
    tasks = _tasks(database)
    for row in tasks.listed():
        items = tasks.queue(row["id"])
        last = f"{items[-1]['queue_type']} {items[-1]['status']}" if items else "stopped"
        _echo(f"{row['id']}  {last:<20}  {row['title']}")


@automation.command()
@_database
@click.argument("task_id")
def show(database: str, task_id: str) -> None:
    """Print how far a task is, when it runs next, and its log."""
    from components.automation.tables import TaskOverview

    tasks = _tasks(database)
    detail = TaskOverview(tasks.database).detail(task_id)
    if detail is None:
        raise click.ClickException(f"there is no task {task_id}")
    _echo(f"{detail.task['title']}: {detail.percent} %")
    for stage in detail.stages:
        done = f"  {stage.progress:g} of {stage.total:g}" if stage.progress is not None else ""
        said = f"  {stage.message}" if stage.message is not None else ""
        _echo(f"  {stage.name:<9} {stage.status.lower()}{done}{said}")
    schedule = detail.schedule
    if schedule is not None and schedule["is_active"] and schedule["next_run_at"]:
        _echo(f"  next run {schedule['next_run_at']} UTC, {schedule['repeat_type']}")
    if detail.task["last_error"]:
        _echo(f"  last error: {detail.task['last_error']}")
    for row in reversed(tasks.logs(task_id, limit=_LINES_MAX)):
        _echo(f"{row['created_at']} {row['level']:<5} {row['queue_type'] or '-':<8} {row['message']}")


@automation.command()
@_database
@click.argument("task_id")
def stop(database: str, task_id: str) -> None:
    """Stop a task and end its processes."""
    from components.automation.stopping import stop_task

    report = asyncio.run(stop_task(_tasks(database), task_id))
    if report is None:
        raise click.ClickException(f"there is no task {task_id}")
    click.echo(json.dumps(msgspec.to_builtins(report)))


@automation.command()
@_database
@click.argument("task_id")
def retry(database: str, task_id: str) -> None:
    """Put the failed stage of a task in the queue anew."""
    tasks = _tasks(database)
    found = tasks.retry(task_id)
    if found is None and tasks.task(task_id) is None:
        raise click.ClickException(f"there is no task {task_id}")
    if found is None:
        raise click.ClickException(f"the task {task_id} is under way, or its last stage has not failed")
    click.echo(json.dumps({"success": True, "queueType": found[0], "queueId": found[1]}))


@automation.command()
@_database
@click.argument("task_id")
def delete(database: str, task_id: str) -> None:
    """Stop a task and remove it; its content stays."""
    from components.automation.stopping import stop_task

    tasks = _tasks(database)
    if asyncio.run(stop_task(tasks, task_id)) is None or not tasks.delete(task_id):
        raise click.ClickException(f"there is no task {task_id}")


def _echo(text: str) -> None:
    """Print what tasks hold, on a terminal without what it would obey."""
    click.echo(printable(text) if sys.stdout.isatty() else text)


def _tasks(location: str) -> "TaskRepository":
    _require_extra()
    from components.automation.scheduler import utc_now
    from components.automation.tables import TaskRepository

    return TaskRepository(_opened(location), utc_now)


def _opened(location: str) -> "AutomationDatabase":
    from components.automation.tables import AutomationDatabase
    from storage.errors import StorageError

    try:
        database = AutomationDatabase(location)
        database.prepare()
    except StorageError as error:
        raise click.ClickException(str(error)) from error
    return database


def _require_extra() -> None:
    from components.automation.extra import require_automation_extra
    from gateway.settings.sources import SettingsError

    try:
        require_automation_extra("the automation queue")
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
