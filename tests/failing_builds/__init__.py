"""Real builds that fail, and whether their summaries say why."""
