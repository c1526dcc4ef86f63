"""What may be done with a stored task as a whole: it is deleted, or pinned."""
