"""The dialect of Otto's workers: unary calls, and streams of lines."""
