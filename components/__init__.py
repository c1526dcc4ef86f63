"""What stands beside the log gateway: each folder has its tables, routes, documents and metrics."""
