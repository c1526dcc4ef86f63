"""Filters written as text: parser, canonical form, and the tests of entries. The grammar is in docs/filters.md."""
