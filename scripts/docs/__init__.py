"""The documentation site: reference pages made from the code, and the site made from ``docs/``."""
