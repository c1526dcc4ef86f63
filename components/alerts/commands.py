"""``otto-gateway rules``: look at a file of rules before a gateway does."""

import sys
from pathlib import Path

import click

__all__ = ["rules"]

_File = click.Path(dir_okay=False, path_type=Path)


@click.group()
def rules() -> None:
    """Rules of alerts: check a file of them."""


@rules.command()
@click.argument("file", type=_File, envvar="ALERT_RULES")
@click.option("--targets", type=_File, envvar="ALERT_TARGETS", help="File of targets that rules may name.")
def check(file: Path, targets: Path | None) -> None:
    """Say what is wrong with FILE, or what it has; the exit code is 1 or 0."""
    from components.alerts.book import read_rules, read_targets
    from components.alerts.rules import RuleError

    try:
        known = read_targets(targets)
        found, windows = read_rules(file, known)
    except (RuleError, ImportError) as error:
        click.echo(f"otto-gateway: {error}", err=True)
        sys.exit(1)
    for rule in found:
        told = ", ".join(rule.notify) or "nobody"
        click.echo(f"{rule.name}: {rule.condition} in {', '.join(rule.tasks)}; notifies {told}")
    for window in windows:
        click.echo(f"{window.name}: maintenance of {', '.join(window.tasks)}, {window.weekly_text or 'once'}")
    click.echo(f"{len(found)} rules, {len(known)} targets")
