"""SQLite: files, locks and migrations, shared by everything that has tables."""
