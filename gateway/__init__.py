"""The process: settings, composition, ingest, transports and the HTTP API."""
