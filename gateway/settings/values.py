"""The types of settings: what each kind of value may be, and how it is read from text."""

import shlex
from enum import StrEnum
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from storage.retention.rules import RetentionRule, parse_rules

__all__ = [
    "MEDIA_MODES",
    "NAVER_CATEGORIES",
    "Bytes",
    "Categories",
    "ClosingRowsChoice",
    "Command",
    "Coroutines",
    "Count",
    "LogLevel",
    "Origin",
    "Origins",
    "Port",
    "Rules",
    "Secret",
    "TableRowsChoice",
    "Text",
    "Texts",
]

MEDIA_MODES: Final = ("crawl", "upload", "dalle3", "imagen3", "sora2")
NAVER_CATEGORIES: Final = ("blog", "cafe", "news", "kin", "web", "book", "encyc", "image", "shop", "doc")
STAGES: Final = ("script", "image", "video", "youtube")


class ClosingRowsChoice(StrEnum):
    """Which ends of tasks get a closing row in the polling tables."""

    STATUS = "status"
    ALWAYS = "always"
    NEVER = "never"


class TableRowsChoice(StrEnum):
    """Which rows that other programs insert into the polling tables become lines of their task."""

    OFF = "off"
    NEW = "new"
    ALL = "all"


def _origin(text: str) -> str:
    if text == "*":
        return text
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"{text!r} is not an origin: write it as https://example.org, without a slash at the end")
    return text


def _categories(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in NAVER_CATEGORIES]
    if unknown or not names:
        what = f"{unknown[0]!r} is none of them" if unknown else "there is none"
        raise ValueError(f"{what}: give some of {', '.join(NAVER_CATEGORIES)}")
    return tuple(dict.fromkeys(names))


def _level(value: object) -> object:
    return (
        {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(value.upper(), value.upper()) if isinstance(value, str) else value
    )


def _items(value: object) -> object:
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _coroutines(texts: tuple[str, ...]) -> tuple[str, ...]:
    stages = []
    for text in texts:
        stage, _, place = text.partition("=")
        module, _, function = place.partition(":")
        if stage not in STAGES or not all(part.isidentifier() for part in [*module.split("."), function]):
            raise ValueError(f"{text!r} is none: write it as script=package.module:function")
        stages.append(stage)
    if len(set(stages)) < len(stages):
        raise ValueError("a stage is named twice")
    return texts


def _rules(value: object) -> tuple[RetentionRule, ...]:
    if isinstance(value, str):
        return parse_rules(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, RetentionRule)) for item in value):
        return parse_rules(map(str, value))
    raise ValueError("this is not a list of rules: write them as PATTERN=DURATION, separated by commas")


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"this cannot be split into a program and its arguments: {error}") from error
    if not words or not words[0] or "\0" in text:
        raise ValueError("give a program and its arguments, as a shell would split them")
    return text


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_level)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Bytes = Annotated[int, Field(ge=1024)]
Text = Annotated[str, Field(min_length=1)]
Origin = Annotated[Text, AfterValidator(_origin)]
Command = Annotated[str, AfterValidator(_command)]
Secret = Annotated[SecretStr, Field(min_length=1)]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_items)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_items)]
Categories = Annotated[tuple[Text, ...], BeforeValidator(_items), AfterValidator(_categories)]
Coroutines = Annotated[tuple[Text, ...], BeforeValidator(_items), AfterValidator(_coroutines)]
Rules = Annotated[tuple[RetentionRule, ...], PlainValidator(_rules)]
