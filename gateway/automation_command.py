"""``otto-gateway automation``: a scheduler as a process of its own, and what users do to tasks."""

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import click

__all__ = ["automation"]

_database = click.option(
    "--database", envvar="DATABASE_URL", default="sqlite:///otto.db", show_default=True, help="Where the queue is."
)


@click.group()
def automation() -> None:
    """The automation queue: run it, and add, list, stop, retry and delete tasks."""


@automation.command()
@_database
@click.option("--tasks-dir", envvar="TASKS_DIR", default="tasks", type=click.Path(path_type=Path), show_default=True)
@click.option("--gateway", help="host:port that takes the lines over gRPC; without it they stay in task_logs.")
@click.option("--token", envvar="OTTO_TOKEN", help="A token for the gateway.")
def run(database: str, tasks_dir: Path, gateway: str | None, token: str | None) -> None:
    """Pass tasks through the demonstration stages until SIGTERM or SIGINT."""
    asyncio.run(_run(database, tasks_dir.absolute(), gateway, token))


async def _run(location: str, tasks_directory: Path, gateway: str | None, token: str | None) -> None:

    from automation.courier import Courier
    from automation.demonstration import demonstration_stages
    from automation.scheduler import Scheduler
    from storage.automation import AutomationDatabase

    database = AutomationDatabase(location)
    await asyncio.to_thread(database.prepare)
    async with contextlib.AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        work = [group.create_task(Scheduler(database, demonstration_stages(), tasks_directory).run())]
        if gateway is not None:
            from otto_logs import LogProducer

            producer = await stack.enter_async_context(LogProducer(gateway, token=token))
            work.append(group.create_task(Courier(database, producer).run()))
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


@automation.command()
@_database
@click.argument("title")
@click.option("--type", "kind", type=click.Choice(["shortform", "longform", "product"]), default="shortform")
@click.option("--settings", default="{}", help='JSON, such as {"mediaMode": "crawl"}.')
def add(database: str, title: str, kind: str, settings: str) -> None:
    """Add a task that starts at once; prints its id."""
    try:
        given = json.loads(settings)
    except ValueError as error:
        raise click.BadParameter(f"--settings is not JSON: {error}") from error
    click.echo(_tasks(database).create(title, kind, settings=given))


@automation.command(name="list")
@_database
def list_tasks(database: str) -> None:
    """Print the newest tasks, each with where it is."""
    tasks = _tasks(database)
    for row in tasks.listed():
        items = tasks.queue(row["id"])
        last = f"{items[-1]['queue_type']} {items[-1]['status']}" if items else "stopped"
        click.echo(f"{row['id']}  {last:<20}  {row['title']}")


@automation.command()
@_database
@click.argument("task_id")
def stop(database: str, task_id: str) -> None:
    """Stop a task and end its processes."""
    from automation.stopping import stop_task

    report = asyncio.run(stop_task(_tasks(database), task_id))
    if report is None:
        raise click.ClickException(f"there is no task {task_id}")
    click.echo(json.dumps(report))


@automation.command()
@_database
@click.argument("task_id")
def retry(database: str, task_id: str) -> None:
    """Put the failed stage of a task in the queue anew."""
    found = _tasks(database).retry(task_id)
    if found is None:
        raise click.ClickException(f"the task {task_id} has no failed stage at its end")
    click.echo(json.dumps({"success": True, "queueType": found[0], "queueId": found[1]}))


@automation.command()
@_database
@click.argument("task_id")
def delete(database: str, task_id: str) -> None:
    """Stop a task and remove it; its content stays."""
    from automation.stopping import stop_task

    tasks = _tasks(database)
    if asyncio.run(stop_task(tasks, task_id)) is None or not tasks.delete(task_id):
        raise click.ClickException(f"there is no task {task_id}")


def _tasks(location: str) -> Any:
    from automation.scheduler import utc_now
    from storage.automation import AutomationDatabase, TaskRepository

    database = AutomationDatabase(location)
    database.prepare()
    return TaskRepository(database, utc_now)
