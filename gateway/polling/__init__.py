"""The HTTP API beside the streams: history, polling, health, metrics."""
