"""The journal: its interface, and in a folder each the databases that it can be in."""
