"""The tests that ``docs/threat-model.md`` names."""

import re
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "named_tests"]

ROOT: Final = Path(__file__).resolve().parents[2]
_TEST: Final = re.compile(r"`((?:tests|clients)/[\w./-]+\.(?:py|ts))(?:::(\w+))?`")


def named_tests() -> tuple[list[str], list[Path]]:
    """Those of pytest, as it names them, and the files of those of vitest; each once, in their order."""
    text = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
    found = dict.fromkeys(_TEST.findall(text))
    python = [f"{path}::{name}" if name else path for path, name in found if path.endswith(".py")]
    return python, [Path(path) for path, _ in found if path.endswith(".ts")]
