"""Dialects of producers: each turns its messages into the same batches."""
