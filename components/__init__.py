"""Optional components of the log gateway. Each folder has its own tables, routes, documents and metrics."""
