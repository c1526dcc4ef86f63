"""Executions: what node executions, scripts and whole runs reported, with statistics."""
