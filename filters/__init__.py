"""Pure values and decisions: entries, positions, blocks, filters. No I/O, no clock, no event loop."""
