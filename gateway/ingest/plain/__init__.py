"""Lines over plain HTTP: text, or JSON objects, one a line."""
