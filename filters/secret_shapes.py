"""Secrets that are known by their shape: tokens with a prefix of their issuer, and keys between marks.

Each pattern begins with what only such a secret has, so that text which is none does not match by chance. Where a
pattern has a group, that is the secret, and what is around it stays.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import re2

from filters.needles import MASK

__all__ = ["PRIVATE_KEY", "RULES", "OpenKeys", "ShapeRules", "ShapedLine"]

PRIVATE_KEY: Final = "private-key"
RULES: Final[Mapping[str, str]] = {
    "age-key": r"\b(AGE-SECRET-KEY-1[0-9A-Z]{58})\b",
    "anthropic-key": r"\b(sk-ant-[a-z0-9]+-[0-9A-Za-z_-]{80,})",
    "atlassian-token": r"\b(ATATT3[0-9A-Za-z_=-]{180,})",
    "authorization": r"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+([0-9a-z+/=_.~-]{8,})",
    "aws-access-key": r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
    "aws-secret-key": r"(?i)\baws_?secret_?(?:access_?)?key[\"']?\s*[:=]\s*[\"']?([0-9a-z/+]{40})",
    "azure-sas": r"[?&]sig=([0-9A-Za-z%+/]{43,}(?:%3D|=))",
    "azure-storage-key": r"\bAccountKey=([0-9A-Za-z+/]{86}==)",
    "databricks-token": r"\b(dapi[0-9a-f]{32}(?:-\d)?)\b",
    "digitalocean-token": r"\b(do[opr]_v1_[0-9a-f]{64})\b",
    "docker-token": r"\b(dckr_(?:pat|oat)_[0-9A-Za-z_-]{27,})",
    "gcp-api-key": r"\b(AIza[0-9A-Za-z_-]{35})",
    "gcp-oauth-secret": r"\b(GOCSPX-[0-9A-Za-z_-]{28})",
    "gcp-oauth-token": r"\b(ya29\.[0-9A-Za-z_-]{20,})",
    "github-fine-grained-token": r"\b(github_pat_[0-9A-Za-z_]{82})\b",
    "github-token": r"\b(gh[pousr]_[0-9A-Za-z]{36,})\b",
    "gitlab-token": r"\b(gl(?:pat|ptt|dt|rt|cbt|oas|soat|ft|imt|agent)-[0-9A-Za-z_.-]{20,})",
    "grafana-token": r"\b(gl(?:c|sa)_[0-9A-Za-z+/=_]{32,})",
    "huggingface-token": r"\b(hf_[0-9A-Za-z]{34,})\b",
    "jwt": r"\b(eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,})",
    "mailgun-key": r"\b(key-[0-9a-f]{32})\b",
    "npm-auth": r"_auth(?:Token)?\s*=\s*([0-9A-Za-z+/=_-]{20,})",
    "npm-token": r"\b(npm_[0-9A-Za-z]{36})\b",
    "openai-key": r"\b(sk-(?:proj-|svcacct-|admin-)?[0-9A-Za-z_-]{20,}T3BlbkFJ[0-9A-Za-z_-]{20,})",
    "pulumi-token": r"\b(pul-[0-9a-f]{40})\b",
    "pypi-token": r"\b(pypi-AgE[0-9A-Za-z_-]{50,})",
    "rubygems-key": r"\b(rubygems_[0-9a-f]{48})\b",
    "sendgrid-key": r"\b(SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43})",
    "sentry-token": r"\b(sntry[su]_[0-9A-Za-z+/=_-]{40,})",
    "shopify-token": r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b",
    "slack-app-token": r"\b(xapp-\d-[0-9A-Z]+-\d+-[0-9a-z]+)",
    "slack-token": r"\b(xox[abeoprs]-[0-9A-Za-z-]{10,})",
    "slack-webhook": r"hooks\.slack\.com/(?:services|workflows)/([0-9A-Za-z/_+]{40,})",
    "stripe-key": r"\b((?:sk|rk)_(?:live|test|prod)_[0-9A-Za-z]{10,})\b",
    "stripe-webhook-secret": r"\b(whsec_[0-9A-Za-z+/=]{32,})",
    "telegram-token": r"\b(\d{8,10}:AA[0-9A-Za-z_-]{33})",
    "terraform-token": r"\b([0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{60,})",
    "twilio-key": r"\b(SK[0-9a-f]{32})\b",
    "url-password": r"\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@\"'<>]{0,100}:([^/\s:@\"'$*{<%][^/\s@\"'<>]{0,200})@",
    "vault-token": r"\b(hv[sbr]\.[0-9A-Za-z_-]{24,})",
}
"""Patterns by name."""

_BEGIN: Final = "-----BEGIN "
_KEY_BEGIN: Final = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = "-----END "
_KEY_LINE: Final = re.compile(r"[0-9A-Za-z+/=:, -]*")
_KEY_LINES_MAX: Final = 400
_KEYS_MAX: Final = 1_000
_MEMORY_BYTES: Final = 64 << 20
_PIECE_CHARACTERS: Final = 64 << 10


class ShapedLine(NamedTuple):
    """A text without its secrets, and how many of each rule it had."""

    text: str
    found: Mapping[str, int]


class OpenKeys:
    """The keys of several lines whose end has not come yet, by the stream that prints them."""

    def __init__(self) -> None:
        self._lines: dict[Any, int] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def masked(self, stream: Any, text: str) -> str | None:
        """The next line of a stream; None: nothing of a key is in it."""
        if stream in self._lines:
            return self._inside(stream, text)
        found = _KEY_BEGIN.search(text)
        if found is None:
            return None
        begin = found.end()
        end = text.find(_KEY_END, begin)
        if end >= 0:
            return f"{text[:begin]}{MASK}{text[end:]}"
        if len(self._lines) >= _KEYS_MAX:
            del self._lines[next(iter(self._lines))]
        self._lines[stream] = 0
        return text[:begin] + MASK if text[begin:].strip() else text

    def _inside(self, stream: Any, text: str) -> str | None:
        end = text.find(_KEY_END)
        self._lines[stream] += 1
        is_over = end >= 0 or self._lines[stream] > _KEY_LINES_MAX or not _KEY_LINE.fullmatch(text.strip())
        if is_over:
            del self._lines[stream]
        if end > 0:
            return MASK + text[end:]
        return None if is_over or not text.strip() else MASK


class ShapeRules:
    """All rules, looked for at once.

    Args:
        names: those to look for; None: all.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self.names = tuple(RULES) if names is None else tuple(name for name in names if name in RULES)
        self._has_keys = names is None or PRIVATE_KEY in names
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        self._set = re2.Set.SearchSet(options)
        for name in self.names:
            self._set.Add(RULES[name])
        self._set.Compile()
        self._patterns = [re2.compile(RULES[name]) for name in self.names]

    def __repr__(self) -> str:
        return f"<ShapeRules {len(self.names)} rules>"

    def mask(self, texts: Sequence[str], keys: OpenKeys, stream_of: Callable[[int], Any]) -> dict[int, ShapedLine]:
        """Look at lines; those that had secrets, by their index.

        Args:
            texts: lines in their order.
            keys: what is known of the streams that they belong to.
            stream_of: the stream of a line, by its index.
        """
        masked: dict[int, ShapedLine] = {}
        whole = "\n".join(texts)
        if self._has_keys and (keys or _BEGIN in whole):
            for index, text in enumerate(texts):
                without = keys.masked(stream_of(index), text)
                if without is not None and without != text:  # nothing of a line that begins a key, or of a mask
                    masked[index] = ShapedLine(without, {PRIVATE_KEY: 1})
        for start, end in _pieces(texts, len(whole)):
            hits = self._set.Match("\n".join(texts[start:end]))
            if hits:
                self._apply(range(start, end), texts, hits, masked)
        return masked

    def found_in(self, text: str) -> dict[str, int]:
        """How many of each rule a line has; keys of several lines aside."""
        line = self.mask([text], OpenKeys(), lambda _: 0).get(0)
        return {} if line is None else dict(line.found)

    def _apply(self, indexes: range, texts: Sequence[str], rules: Sequence[int], masked: dict[int, ShapedLine]) -> None:
        for index in indexes:
            text, found = masked.get(index) or ShapedLine(texts[index], {})
            counts = dict(found)
            for rule in sorted(rules):
                spans = [match.span(1) for match in self._patterns[rule].finditer(text)]
                for start, end in reversed(spans):
                    text = text[:start] + MASK + text[end:]
                if spans:
                    counts[self.names[rule]] = len(spans)
            if counts != found:
                masked[index] = ShapedLine(text, counts)


def _pieces(texts: Sequence[str], characters: int) -> list[tuple[int, int]]:
    """Lines in groups of about 64 KiB, so that only a few are looked at again where something was found."""
    if characters <= _PIECE_CHARACTERS:
        return [(0, len(texts))]
    pieces: list[tuple[int, int]] = []
    start = size = 0
    for index, text in enumerate(texts):
        size += len(text)
        if size >= _PIECE_CHARACTERS:
            pieces.append((start, index + 1))
            start, size = index + 1, 0
    return [*pieces, (start, len(texts))] if start < len(texts) else pieces
