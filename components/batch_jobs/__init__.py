"""Batch jobs: the documents of many keywords, counted one keyword after the other, paced and durably."""

from components.batch_jobs.counter import (
    BadCredentialsError,
    CounterError,
    CounterUnavailableError,
    DocumentCounter,
    KeywordRefusedError,
    QuotaError,
)
from components.batch_jobs.retries import RetryPolicy

__all__ = [
    "BadCredentialsError",
    "CounterError",
    "CounterUnavailableError",
    "DocumentCounter",
    "KeywordRefusedError",
    "QuotaError",
    "RetryPolicy",
]
