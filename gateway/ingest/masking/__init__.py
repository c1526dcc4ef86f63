"""Secrets of tasks, masked in what producers send before it is stored."""
