"""Who reads what, and where they are: hub, windows, channels, sessions."""
