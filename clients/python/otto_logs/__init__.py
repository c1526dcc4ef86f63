"""Producer, logging handler and commands for the Otto log gateway."""
