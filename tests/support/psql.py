"""PostgreSQL as other programs see it, through the `psql` command."""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from storage.postgres.connections import Link
from tests.support.programs import program

__all__ = ["database_rows", "messages", "psql", "rows"]


async def psql(url: str, sql: str) -> str:
    """What the command prints of a statement in the schema of ``url``."""
    parts = urlsplit(url)
    schema = parse_qs(parts.query)["search_path"][0]
    process = await asyncio.create_subprocess_exec(
        *(
            str(Path(program("postgres")).resolve().with_name("psql")),
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
            parts._replace(query="").geturl(),
            "-c",
            sql,
        ),
        env=os.environ | {"PGOPTIONS": f"-csearch_path={schema}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode().rstrip("\n")


async def rows(url: str, job_id: str) -> list[dict[str, Any]]:
    """The old UI's query."""
    query = f"SELECT * FROM job_logs WHERE job_id = '{job_id}' ORDER BY id ASC"
    found: list[dict[str, Any]] = json.loads(await psql(url, f"SELECT coalesce(json_agg(r), '[]') FROM ({query}) AS r"))
    return found


async def messages(url: str, job_id: str) -> list[str]:
    """The messages of a job, in the order of their ids."""
    return [row["log_message"] for row in await rows(url, job_id)]


def database_rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of one statement; blocks, beside a running event loop as well."""

    def read() -> list[tuple[Any, ...]]:
        link = Link(url)
        try:
            return [tuple(row) for row in link.fetch(statement)]
        finally:
            link.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(read).result()
