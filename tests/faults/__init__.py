"""The fault bench: real processes, broken in every way, and a referee that compares."""
