"""How rules, targets and maintenance windows are named."""

import re
from typing import Final

__all__ = ["NAME", "NAME_RULE"]

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
NAME_RULE: Final = "1 to 100 lower-case letters, digits, dots, hyphens and underscores"
