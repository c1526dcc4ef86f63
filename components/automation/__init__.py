"""Work that runs here and streams its own log."""
