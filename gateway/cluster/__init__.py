"""Several gateways on one database: what they have together beside the journal."""
