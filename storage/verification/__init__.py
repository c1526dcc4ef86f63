"""Checking a database: the journal by itself, and the polling tables against it; putting the tables right."""

from storage.verification.findings import Finding, Findings, Kind
from storage.verification.verifier import Progress, Report, repair_rows, verify

__all__ = ["Finding", "Findings", "Kind", "Progress", "Report", "repair_rows", "verify"]
