"""Every attack that is known, on a real gateway: ``make attack``."""
