"""The rules in use: those of a file, which is read again when it has changed, and those that were stored over HTTP."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from components.alerts.rules import Rule, RuleError, rule_from, rules_from
from components.alerts.tables import Repository
from components.alerts.targets import Target, TargetError, targets_from
from storage.errors import StorageError
from storage.tables import TableDatabase

__all__ = ["RuleBook", "read_document", "read_targets"]

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
        self._from_file = self._read_file()
        self._stored: list[Rule] = []
        self._seen = self._state_of_file()
        self._watching: asyncio.Task[None] | None = None
        self._listener: Callable[[Sequence[Rule]], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<RuleBook {self._path} {len(self.rules)} rules>"

    @property
    def rules(self) -> list[Rule]:
        """All of them. One of the file goes before a stored one of its name."""
        named = {rule.name: rule for rule in [*self._stored, *self._from_file]}
        return list(named.values())

    async def open(self) -> None:
        """Read the stored ones."""
        await self._read_stored()

    def start(self, listener: Callable[[Sequence[Rule]], None]) -> None:
        """Begin to look at the file; ``listener`` is given the rules when they have changed."""
        self._listener = listener
        self._watching = asyncio.create_task(self._watch(), name="alert-rules")

    async def close(self) -> None:
        """Stop; idempotent."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def checked(self, document: object, author: str) -> Rule:
        """A rule that somebody wants to store, or to try.

        Raises:
            RuleError: it cannot be used.
        """
        rule = rule_from(document, self._targets, source=author)
        if any(rule.name == each.name for each in self._from_file):
            raise RuleError(f"rule {rule.name}: a rule of this `name` is in the file of rules; change it there")
        return rule

    async def store(self, document: Mapping[str, Any], author: str) -> Rule:
        """Store a rule, in the place of one of the same name.

        Raises:
            RuleError: it cannot be used.
        """
        rule = self.checked(document, author)
        await self._write(lambda repository: repository.store_rule(rule.name, document, author))
        await self._read_stored()
        self._listener(self.rules)
        return rule

    async def remove(self, name: str) -> bool:
        """Whether there was a stored rule of that name."""
        was_there: bool = await self._write(lambda repository: repository.remove_rule(name))
        await self._read_stored()
        self._listener(self.rules)
        return was_there

    def _read_file(self) -> list[Rule]:
        return rules_from(read_document(self._path), self._targets, place=str(self._path))

    async def _read_stored(self) -> None:
        rules = []
        for document, author in await self._write(lambda repository: repository.rules()):
            try:
                rules.append(rule_from(document, self._targets, source=author))
            except RuleError as error:  # its target is gone
                _log.warning("a stored rule is left out", reason=str(error))
        self._stored = rules

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
                self._from_file = await asyncio.to_thread(self._read_file)
            except RuleError as error:
                _log.warning("rules stay as they were", reason=str(error))
                continue
            _log.info("rules were read", rules=len(self.rules))
            self._listener(self.rules)

    async def _look_at_stored(self) -> None:
        """Another gateway may have been given a rule."""
        before = self._stored
        try:
            await self._read_stored()
        except StorageError:
            return  # the next look
        if before != self._stored:
            self._listener(self.rules)

    def _state_of_file(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_ino, found.st_mtime_ns, found.st_size

    async def _write(self, work: Callable[[Repository], Any]) -> Any:
        return await asyncio.to_thread(self._database.write, lambda connection: work(Repository(connection)))
