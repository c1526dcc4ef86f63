"""Retention: what may go, decided from what is there, and taken away in small steps."""
