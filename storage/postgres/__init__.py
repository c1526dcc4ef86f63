"""PostgreSQL's plumbing: addresses, connections, errors."""
