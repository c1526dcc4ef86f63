"""Batch jobs: the documents of many keywords, counted one keyword after the other, paced and durably."""

from automation.batch.counter import (
    BadCredentialsError,
    CounterError,
    CounterUnavailableError,
    DocumentCounter,
    KeywordRefusedError,
    QuotaError,
)
from automation.batch.retries import RetryPolicy

__all__ = [
    "BadCredentialsError",
    "CounterError",
    "CounterUnavailableError",
    "DocumentCounter",
    "KeywordRefusedError",
    "QuotaError",
    "RetryPolicy",
]
