"""Everything that is kept: the journal, producers' numbers, polling tables."""
