"""Looking for secrets in what is stored, and taking them out of it."""
