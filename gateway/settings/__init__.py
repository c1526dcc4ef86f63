"""Settings: the model, its sources, reports, and the configuration of each component."""
