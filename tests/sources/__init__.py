"""What is documented for sources and platforms, run literally: ``python -m tests.sources`` prints the table."""
