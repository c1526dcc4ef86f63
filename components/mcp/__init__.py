"""Stored logs for agents, over the Model Context Protocol."""
