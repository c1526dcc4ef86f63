"""Why a task failed: what its lines say of it, within a bound."""

from gateway.history.failure.route import summary_routes

__all__ = ["summary_routes"]
