"""Settings: the model, where they come from, reports, and what each part gets of them."""
