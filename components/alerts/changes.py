"""Changes of incidents for UIs that show them: those of this gateway's turns, and those that another one has stored."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from components.alerts.incidents import Incident
from components.alerts.repository import Repository
from components.alerts.rules import Rule
from sessions.updates import IncidentUpdate

__all__ = ["IncidentChanges"]

_RECENT_SECONDS: Final = 60.0
"""How long a gateway that does not evaluate may be without the database, and still hear that an incident is over."""


class IncidentChanges:
    """Publishes an update for each incident that has changed. Belongs to an event loop.

    Args:
        publish: takes an update; never blocks.
        clock: Unix seconds.
    """

    def __init__(
        self, publish: Callable[[IncidentUpdate], None] = lambda _: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._version: int | None = None
        self._seen: dict[int, Incident] = {}

    def __repr__(self) -> str:
        return f"<IncidentChanges version={self._version}>"

    def publish(self, incidents: Iterable[Incident], rules: Mapping[str, Rule]) -> None:
        """These have changed, and are stored."""
        now = self._clock()
        for incident in incidents:
            rule = rules.get(incident.rule)
            self._publish(
                IncidentUpdate(
                    incident_id=incident.id,
                    rule=incident.rule,
                    severity=rule.severity if rule is not None else "",
                    incident_key=incident.key,
                    task_id=None if incident.key == "*" else incident.task_id,
                    count=incident.count,
                    is_open=incident.is_open,
                    is_muted=incident.is_muted(now),
                )
            )

    def forget(self) -> None:
        """Forget the stored state: this gateway changes it now. It is read again once another gateway changes it."""
        self._version = None
        self._seen = {}

    def read(self, connection: Any) -> "tuple[int, list[Incident]] | None":
        """What is stored, if it has changed since ``publish_stored``; in a thread."""
        repository = Repository(connection)
        version = (repository.value("version") or {"number": 0})["number"]
        if version == self._version:
            return None
        return version, repository.recent_incidents(self._clock() - _RECENT_SECONDS)

    def publish_stored(self, found: "tuple[int, list[Incident]] | None", rules: Mapping[str, Rule]) -> None:
        """Publish the changes of another gateway. The first call only records the current state."""
        if found is None:
            return
        is_first = self._version is None
        self._version, incidents = found
        changed = [each for each in incidents if self._seen.get(each.id) != each]
        self._seen = {each.id: each for each in incidents}
        if not is_first:
            self.publish(changed, rules)
