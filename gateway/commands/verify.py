"""``otto-gateway verify``: the report of a check, for people and for programs."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click

from gateway.commands.exit_codes import ExitCode
from gateway.commands.progress_line import ProgressLine
from gateway.commands.sqlite_only import require_sqlite
from gateway.databases import POSTGRES_MODULES, copied_epoch
from gateway.settings.consistency import is_postgres
from gateway.settings.derived import retention_policy
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from storage.errors import DatabaseError, DatabaseInUseError, StorageError
from storage.polling import ClosingRows, PollingTable
from storage.sqlite.files import acquire_lock, sqlite_path
from storage.verification import Progress, Report, repair_rows, verify

__all__ = ["verify_databases"]

_SHOWN_MAX: Final = 10
"""Findings of one kind that are shown with their place; ``--json`` has a hundred."""

_JOBS_MAX: Final = 7

_DAY_SECONDS: Final = 86_400


def verify_databases(
    settings: Settings,
    *,
    as_json: bool,
    repair: bool,
    jobs: int | None = None,
    sample: float = 100.0,
    resume: Path | None = None,
) -> ExitCode:
    """Check the databases of these settings, and print what was found.

    Args:
        settings: where they are.
        as_json: whether the report is one JSON object.
        repair: whether rows are corrected.
        jobs: processes beside this one; None: one less than there are processors, 7 at most.
        sample: percent of the records that are checked.
        resume: a file that keeps how far it has got.
    """
    if repair and (sample < 100.0 or resume is not None):
        click.echo(
            "otto-gateway: --repair-polling checks everything, at once: leave --sample and --resume out", err=True
        )
        return ExitCode.USAGE
    progress = ProgressLine("record")
    try:
        ages = retention_policy(settings).ages
        days = min(ages) / _DAY_SECONDS if ages else None
        if settings.has_shared_journal and not repair:
            report = _verify_postgres(settings, days, sample=sample / 100, resume=resume, on_progress=progress.show)
            return _said(report, as_json=as_json)
        require_sqlite(settings, "verify --repair-polling" if repair else "verify")
        path = sqlite_path(settings.database_url)
        table = PollingTable(settings.polling_database)
        if not repair:
            report = verify(
                *(path, table),
                retention_days=days,
                jobs=min((os.cpu_count() or 1) - 1, _JOBS_MAX) if jobs is None else jobs,
                sample=sample / 100,
                resume=resume,
                on_progress=progress.show,
            )
        else:
            if not path.exists():
                raise DatabaseError(f"{path} does not exist")
            with closing(acquire_lock(path)):
                report = repair_rows(
                    path,
                    table,
                    retention_days=days,
                    closing_rows=ClosingRows(settings.closing_rows.value),
                    on_progress=progress.show,
                )
    except KeyboardInterrupt:
        again = f"; the same command continues from there ({resume})" if resume is not None else ""
        click.echo(f"otto-gateway: broken off{again}", err=True)
        return ExitCode.USAGE
    except DatabaseInUseError:
        text = f"a gateway is running on {path}: stop it first; rows are put right only while nobody copies"
        click.echo(f"otto-gateway: {text}", err=True)
        return ExitCode.USAGE
    except StorageError as error:
        click.echo(f"otto-gateway: {error}", err=True)
        return ExitCode.USAGE
    finally:
        progress.clear()
    return _said(report, as_json=as_json)


def _verify_postgres(
    settings: Settings, days: float | None, *, sample: float, resume: Path | None, on_progress: Progress
) -> Report:
    require_extra("postgres", POSTGRES_MODULES, needed_for="a journal on PostgreSQL")
    from storage.verification.postgres import verify_postgres

    return verify_postgres(
        settings.database_url,
        settings.polling_database if is_postgres(settings.polling_database) else None,
        copied_as=copied_epoch(settings),
        retention_days=days,
        sample=sample,
        resume=resume,
        on_progress=on_progress,
    )


def _said(report: Report, *, as_json: bool) -> ExitCode:
    click.echo(json.dumps(_document(report), ensure_ascii=False, indent=2) if as_json else _text(report))
    return ExitCode.OK if report.findings.is_empty else ExitCode.FAILED


def _text(report: Report) -> str:
    lines = [
        f"journal {report.journal}, epoch {report.epoch}",
        f"  {report.lines:,} lines in {report.records:,} records; {report.tasks:,} tasks, {report.producers:,} senders",
        f"job_logs in {report.polling}",
        f"  {report.rows:,} rows compared, {report.expired_rows:,} expired, {report.waiting_records:,} records to come",
        f"  {report.foreign_lines:,} lines were rows of other programs",
        f"{report.seconds:.1f} s, {report.lines_per_second:,.0f} lines/s",
        *(f"note: {note}" for note in report.notes),
        *(f"repaired: {count:,} rows {name}" for name, count in report.repaired.items()),
    ]
    for kind, count in report.findings.counts.items():
        lines.append(f"\n{kind.value} ({count:,}): {kind.text}")
        kept = report.findings.kept[kind]
        lines += [f"  {finding.text}" for finding in kept[:_SHOWN_MAX]]
        if len(kept) > _SHOWN_MAX:
            lines.append("  …")
    lines.append(
        "\nall is well" if report.findings.is_empty else f"\nnot well: {report.findings.counts.total():,} findings"
    )
    return "\n".join(lines)


def _document(report: Report) -> dict[str, Any]:
    return {
        "ok": report.findings.is_empty,
        "journal": str(report.journal),
        "polling": str(report.polling),
        "epoch": report.epoch,
        "records": report.records,
        "lines": report.lines,
        "tasks": report.tasks,
        "producers": report.producers,
        "rows": report.rows,
        "expiredRows": report.expired_rows,
        "foreignLines": report.foreign_lines,
        "waitingRecords": report.waiting_records,
        "seconds": round(report.seconds, 3),
        "linesPerSecond": round(report.lines_per_second),
        "notes": report.notes,
        "repaired": dict(report.repaired),
        "findings": {
            kind.value: {
                "count": count,
                "meaning": kind.text,
                "first": [
                    {
                        "text": finding.text,
                        "taskId": finding.task_id,
                        "sequence": finding.sequence,
                        "record": finding.record,
                        "rowId": finding.row_id,
                    }
                    for finding in report.findings.kept[kind]
                ],
            }
            for kind, count in report.findings.counts.items()
        },
    }
