"""Checks and tests, part by part: ``python -m scripts.suite NAME`` runs every part, and then says what has failed."""
