"""Readers that are slow or hostile, and what they cost the others."""
