"""The way of a database from one version of the schema to the next."""
