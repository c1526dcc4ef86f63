"""What can be counted at Naver, by the names that results have."""

from collections.abc import Mapping
from typing import Final

__all__ = ["NAVER_SERVICES"]

NAVER_SERVICES: Final[Mapping[str, str]] = {
    "blog": "blog",
    "cafe": "cafearticle",
    "news": "news",
    "kin": "kin",
    "web": "webkr",
    "book": "book",
    "encyc": "encyc",
    "image": "image",
    "shop": "shop",
    "doc": "doc",
}
"""The last part of the address of each search."""
