"""Expressions as clients write them, each with the plainest way to say what it means."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from filters.entry import LEVELS, SOURCES, LogEntry
from tests.support.filter_strategies import LETTERS, TRACES, WORKERS

Says = Callable[[LogEntry], bool]


@dataclass(frozen=True)
class Written:
    """A text of the language, and whether an entry passes it. ``is_term``: it can be negated as it stands."""

    text: str
    says: Says
    is_term: bool = True

    @property
    def term(self) -> str:
        return self.text if self.is_term else f"({self.text})"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(text: str) -> Written:
    return Written(quoted(text), lambda entry: text.casefold() in entry.message.casefold())


def _word(text: str) -> Written:
    return Written(text, lambda entry: text.casefold() in entry.message.casefold())


def _regex(pattern: str, any_case: bool) -> Written:
    known = re.compile(pattern, re.IGNORECASE | re.ASCII if any_case else re.ASCII)
    escaped = pattern.replace("/", "\\/")
    return Written(f"/{escaped}/{'i' * any_case}", lambda entry: known.search(entry.message) is not None)


def _values(field: str, chosen: list[str], attribute: str) -> Written:
    shown = ",".join(value.lower() if field == "level" else quoted(value) for value in chosen)
    return Written(f"{field}:{shown}", lambda entry: getattr(entry, attribute) in chosen)


def _trace(trace_id: str) -> Written:
    return Written(
        f"trace_id:{trace_id.upper()}", lambda entry: (entry.metadata or {}).get("trace_id", "").lower() == trace_id
    )


# Python's own expressions are what it is compared with: only what means the same there.
PATTERNS = ("a", "[ab]+ß", "^A", "b$", "a|B", "(?:ab|B)a", "한.?", "a{2}", "/|\\.", "\\*", "f+é?", "\\s", "b?a+B")

texts = st.text(st.sampled_from(LETTERS + '"/'), min_size=1, max_size=3)
leaves = st.one_of(
    texts.map(_text),
    st.sampled_from(["a", "AB", "한글", "ß", "st*r", "[x", "or", "a/b", "a-b", "x:y"]).map(_word),
    st.builds(_regex, st.sampled_from(PATTERNS), st.just(False)),
    st.builds(_regex, st.sampled_from(["ab", "b[ab]"]), st.just(True)),
    st.lists(st.sampled_from(LEVELS), min_size=1, max_size=6).map(lambda chosen: _values("level", chosen, "level")),
    st.lists(st.sampled_from(SOURCES), min_size=1, max_size=3).map(lambda chosen: _values("source", chosen, "source")),
    st.sampled_from(TRACES).map(_trace),
    st.lists(st.sampled_from(WORKERS), min_size=1, max_size=2).map(
        lambda chosen: _values("worker", chosen, "worker_id")
    ),
)


def _not(sign: str, inner: Written) -> Written:
    return Written(sign + inner.term, lambda entry: not inner.says(entry))


def _joined(terms: list[Written], between: str, *, is_all: bool) -> Written:
    quantifier = all if is_all else any
    return Written(
        between.join(term.term for term in terms),
        lambda entry: quantifier(term.says(entry) for term in terms),
        is_term=False,
    )


expressions: st.SearchStrategy[Written] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(_not, st.sampled_from(["-", "NOT "]), inner.filter(lambda each: not each.term.startswith("-"))),
        st.builds(
            lambda terms, between: _joined(terms, between, is_all=True),
            st.lists(inner, min_size=2, max_size=4),
            st.sampled_from([" ", " AND ", "\t "]),
        ),
        st.builds(lambda terms: _joined(terms, " OR ", is_all=False), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=8,
)
