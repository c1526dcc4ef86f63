"""The rules in use: those of a file, which is read again when it has changed, and those that were stored over HTTP."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Table

from components.alerts.maintenance import WINDOWS_MAX, Window, WindowError, window_from, windows_from
from components.alerts.repository import Repository
from components.alerts.rules import RULES_MAX, Rule, RuleError, rule_from, rules_from
from components.alerts.tables import stored_rules, stored_windows
from components.alerts.targets import Target, TargetError, targets_from
from storage.errors import StorageError
from storage.tables import TableDatabase

__all__ = ["RuleBook", "RulesInUse", "read_document", "read_rules", "read_targets"]

RulesInUse = tuple[Sequence[Rule], Sequence[Window]]
"""Rules and maintenance windows."""

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 2.0
_FILE_BYTES_MAX: Final = 16 << 20


def read_document(path: Path) -> Any:
    """What a YAML file has.

    Raises:
        RuleError: it cannot be read, or is no YAML; the text names the file and the line.
    """
    import yaml

    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise RuleError(f"{path}: more than {_FILE_BYTES_MAX >> 20} MB")
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise RuleError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: {' '.join(str(error).split())[:300]}") from error


def read_targets(path: Path | None) -> dict[str, Target]:
    """The targets of a file.

    Raises:
        RuleError: one cannot be used.
    """
    if path is None:
        return {}
    document = read_document(path)
    if not isinstance(document, dict) or set(document) != {"targets"}:
        raise RuleError(f"{path}: write a mapping under `targets:`")
    try:
        return targets_from(document["targets"])
    except TargetError as error:
        raise RuleError(f"{path}: {error}") from error


def read_rules(path: Path, targets: Iterable[str]) -> RulesInUse:
    """The rules and maintenance windows of a file.

    Raises:
        RuleError: one cannot be used.
    """
    document = read_document(path)
    rules = rules_from(document, targets, place=str(path))
    try:
        return rules, windows_from(document.get("maintenance"))
    except WindowError as error:
        raise RuleError(str(error)) from error


class RuleBook:
    """Belongs to an event loop.

    Args:
        path: of the file.
        targets: names that rules may have.
        database: of the tables of alerts.
    """

    def __init__(self, path: Path, targets: Mapping[str, Target], database: TableDatabase) -> None:
        self._path = path
        self._targets = frozenset(targets)
        self._database = database
        self._from_file, self._windows_from_file = read_rules(path, self._targets)
        self._stored: list[Rule] = []
        self._stored_windows: list[Window] = []
        self._seen = self._state_of_file()
        self._watching: asyncio.Task[None] | None = None
        self._listener: Callable[[Sequence[Rule], Sequence[Window]], None] = lambda *_: None

    def __repr__(self) -> str:
        return f"<RuleBook {self._path} {len(self.rules)} rules>"

    @property
    def rules(self) -> list[Rule]:
        """All of them. One of the file goes before a stored one of its name."""
        named = {rule.name: rule for rule in [*self._stored, *self._from_file]}
        return list(named.values())

    @property
    def windows(self) -> list[Window]:
        """All maintenance windows. One of the file goes before a stored one of its name."""
        named = {window.name: window for window in [*self._stored_windows, *self._windows_from_file]}
        return list(named.values())

    async def open(self) -> None:
        """Read the stored ones."""
        await self._read_stored()

    def start(self, listener: Callable[[Sequence[Rule], Sequence[Window]], None]) -> None:
        """Begin to look at the file; ``listener`` is given the rules and windows when they have changed."""
        self._listener = listener
        self._watching = asyncio.create_task(self._watch(), name="alert-rules")

    async def close(self) -> None:
        """Stop; idempotent."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def checked(self, document: object, author: str) -> Rule:
        """Check a rule before it is stored.

        Raises:
            RuleError: it cannot be used.
        """
        rule = self.parsed(document, author)
        if any(rule.name == each.name for each in self._from_file):
            raise RuleError(f"rule {rule.name}: a rule of this `name` is in the file of rules; change it there")
        if len(self._stored) >= RULES_MAX:
            raise RuleError(f"there are {RULES_MAX:,} stored rules already: remove some")
        return rule

    def parsed(self, document: object, author: str) -> Rule:
        """Check a rule for a dry run. Its name may be that of a stored rule.

        Raises:
            RuleError: it cannot be used.
        """
        return rule_from(document, self._targets, source=author)

    async def store(self, document: Mapping[str, Any], author: str) -> Rule:
        """Store a rule, in the place of one of the same name.

        Raises:
            RuleError: it cannot be used.
        """
        rule = self.checked(document, author)
        await self._store(stored_rules, rule.name, document, author)
        return rule

    async def store_window(self, document: Mapping[str, Any], author: str) -> Window:
        """Store a maintenance window, in the place of one of the same name.

        Raises:
            WindowError: it cannot be used.
        """
        window = window_from(document, source=author)
        if any(window.name == each.name for each in self._windows_from_file):
            raise WindowError(f"maintenance {window.name}: it is in the file of rules; change it there")
        if len(self._stored_windows) >= WINDOWS_MAX:
            raise WindowError(f"there are {WINDOWS_MAX:,} windows already: remove some")
        await self._store(stored_windows, window.name, document, author)
        return window

    async def remove(self, name: str) -> bool:
        """Whether there was a stored rule of that name."""
        return await self._remove(stored_rules, name)

    async def remove_window(self, name: str) -> bool:
        """Whether there was a stored maintenance window of that name."""
        return await self._remove(stored_windows, name)

    async def _store(self, kind: Table, name: str, document: Mapping[str, Any], author: str) -> None:
        await self._write(lambda repository: repository.store_document(kind, name, document, author))
        await self._read_stored()
        self._report()

    async def _remove(self, kind: Table, name: str) -> bool:
        was_there: bool = await self._write(lambda repository: repository.remove_document(kind, name))
        await self._read_stored()
        self._report()
        return was_there

    def _report(self) -> None:
        self._listener(self.rules, self.windows)

    async def _read_stored(self) -> None:
        rules, windows = [], []
        written, written_windows = await self._write(
            lambda repository: (repository.documents(stored_rules), repository.documents(stored_windows))
        )
        for document, author in written:
            try:
                rules.append(rule_from(document, self._targets, source=author))
            except RuleError as error:  # its target is gone
                _log.warning("a stored rule is left out", reason=str(error))
        for document, author in written_windows:
            try:
                windows.append(window_from(document, source=author))
            except WindowError as error:  # its time zone is gone
                _log.warning("a stored maintenance window is left out", reason=str(error))
        self._stored, self._stored_windows = rules, windows

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._database.is_shared:
                await self._look_at_stored()
            state = self._state_of_file()
            if state == self._seen:
                continue
            self._seen = state
            try:
                self._from_file, self._windows_from_file = await asyncio.to_thread(
                    read_rules, self._path, self._targets
                )
            except RuleError as error:
                _log.warning("rules stay as they were", reason=str(error))
                continue
            _log.info("rules were read", rules=len(self.rules))
            self._report()

    async def _look_at_stored(self) -> None:
        """Another gateway may have been given a rule."""
        before = self._stored, self._stored_windows
        try:
            await self._read_stored()
        except StorageError:
            return  # the next look
        if before != (self._stored, self._stored_windows):
            self._report()

    def _state_of_file(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_ino, found.st_mtime_ns, found.st_size

    async def _write(self, work: Callable[[Repository], Any]) -> Any:
        return await asyncio.to_thread(self._database.write, lambda connection: work(Repository(connection)))
