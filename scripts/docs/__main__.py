"""``python -m scripts.docs``: ``reference`` writes the generated pages, ``site`` builds the site with all checks."""

import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[2]
USAGE = "usage: python -m scripts.docs reference [--check] | site"


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if arguments == ["site"]:
        from scripts.docs.site import build

        return build(ROOT)
    if arguments not in (["reference"], ["reference", "--check"]):
        print(USAGE, file=sys.stderr)
        return 2
    return _reference(is_check="--check" in arguments)


def _reference(*, is_check: bool) -> int:
    # Gateway, clients and compilers are imported for this alone: the site needs none of them.
    from scripts.docs.reference import pages

    folder = ROOT / "docs" / "reference"
    made = pages()
    stale = [name for name, text in made.items() if not _is(folder / name, text)]
    if is_check and stale:
        print(
            f"stale: {', '.join(stale)} in docs/reference; make them anew: .venv/bin/python -m scripts.docs reference"
        )
        return 1
    for name in stale:
        (folder / name).write_text(made[name], encoding="utf-8")
        print(f"written: docs/reference/{name}")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
