"""What only the automation queue needs: time arithmetic, and pictures for the demonstration stages."""

from gateway.settings.extras import require_extra

__all__ = ["require_automation_extra"]


def require_automation_extra(needed_for: str) -> None:
    """Return if the extra `automation` is installed.

    Raises:
        SettingsError: it is not.
    """
    require_extra("automation", ("dateutil", "PIL"), needed_for=needed_for)
