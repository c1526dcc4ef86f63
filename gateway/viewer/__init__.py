"""The viewer's pages, built from ``clients/viewer``."""
