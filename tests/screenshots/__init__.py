"""Pictures of the viewer for the documentation: ``make screenshots``."""
