"""Alerts: rules over the lines of all tasks, incidents, and what is sent about them."""
