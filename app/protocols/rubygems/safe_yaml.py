"""YAML as gems hold it, read from parser events: no object is ever made by a document's wish.

All scalars are texts, and one that Ruby would make a number of says so. What two readers could take
differently is refused: anchors and aliases, keys that are there twice, merged mappings,
directives and several documents.

Spec: YAML 1.1; the tags of Ruby's Psych.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml
from yaml import events

from app.errors import InvalidInput

MAX_DEPTH = 20
MAX_NODES = 250_000

Node: TypeAlias = "str | list[Node] | Mapping | None"

_YAML = "tag:yaml.org,2002:"
_MAPPING_TAGS = {None: "", "!": "", f"{_YAML}map": ""}
_SEQUENCE_TAGS = {None, "!", f"{_YAML}seq"}
_TEXT_TAGS = {"!str", f"{_YAML}str"}
_STRING_TAGS = {None, "!", *_TEXT_TAGS}
_BINARY_TAGS = {"!binary", f"{_YAML}binary"}
_OBJECT_TAG = "!ruby/object:"
_NULLS = {"", "~", "null", "Null", "NULL"}
_MERGE_KEY = "<<"

# The least that makes a number of what may be a version, of whatever base.
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?")


class PlainNumber(str):
    """A scalar without quotes, and so no text to Ruby: ``1.0``."""

    __slots__ = ()


@dataclass(frozen=True)
class Mapping:
    """A mapping.

    Attributes:
        class_name: the class in Ruby of which it is an object; empty for none.
    """

    class_name: str
    values: dict[str, Node]


def load(raw: bytes, what: str, *, classes: frozenset[str] = frozenset()) -> Node:
    """Read the one document of a YAML text.

    Args:
        raw: in UTF-8.
        what: names it in messages, at the start of a sentence.
        classes: of which Ruby objects may be in it.

    Raises:
        InvalidInput: it is not YAML, is too deep or too large, or holds what nothing here needs.
    """
    if raw.startswith(codecs.BOM_UTF8):  # Ruby takes it for a part of the first line.
        raise InvalidInput(f"{what} begins with a byte order mark. Build it with gem build.")
    try:
        return _Reader(raw.decode(), what, classes).read()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{what} is not valid YAML in UTF-8.") from error


class _Reader:
    """Reads one document."""

    def __init__(self, text: str, what: str, classes: frozenset[str]) -> None:
        # libyaml's parser; PyYAML's own takes many times as long.
        self._events: Iterator[events.Event] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
        self._what = what
        self._tags = _MAPPING_TAGS | {f"{_OBJECT_TAG}{name}": name for name in classes}
        self._nodes = 0

    def read(self) -> Node:
        """Read it, and require that nothing follows."""
        next(self._events)  # the stream's start
        start = next(self._events)
        if not isinstance(start, events.DocumentStartEvent):
            raise self._refused("is empty")
        if start.tags or start.version:
            raise self._refused("has directives")
        node = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        if not isinstance(next(self._events), events.StreamEndEvent):
            raise self._refused("has more than one document")
        return node

    def _node(self, event: events.Event, depth: int) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise self._refused(f"is over {MAX_DEPTH} levels deep, or has over {MAX_NODES} values")
        # An alias is an event of its own, with the name of an anchor.
        if getattr(event, "anchor", None) is not None:
            raise self._refused("has an anchor or an alias")
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(event, depth)
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(event, depth)
        raise self._refused("is not complete")

    def _scalar(self, event: events.ScalarEvent) -> str | None:
        if event.tag in _BINARY_TAGS:
            return self._decoded(event.value)
        if event.tag not in _STRING_TAGS:
            raise self._unknown(event.tag)
        text: str = event.value
        if event.style or event.tag in _TEXT_TAGS:
            return text
        if text in _NULLS:
            return None
        return PlainNumber(text) if _NUMBER.fullmatch(text) else text

    def _sequence(self, event: events.SequenceStartEvent, depth: int) -> list[Node]:
        if event.tag not in _SEQUENCE_TAGS:
            raise self._unknown(event.tag)
        items = []
        while not isinstance(item := next(self._events), events.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return items

    def _mapping(self, event: events.MappingStartEvent, depth: int) -> Mapping:
        class_name = self._tags.get(event.tag)
        if class_name is None:
            raise self._unknown(event.tag)
        values: dict[str, Node] = {}
        while not isinstance(key := next(self._events), events.MappingEndEvent):
            name = self._node(key, depth + 1)
            if not isinstance(name, str) or name in values or name == _MERGE_KEY:
                raise self._refused("has a key that is no text, is there twice, or is '<<'")
            values[name] = self._node(next(self._events), depth + 1)
        return Mapping(class_name, values)

    def _decoded(self, text: str) -> str:
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise self._refused("has a binary value that is no text in UTF-8") from error

    def _unknown(self, tag: str | None) -> InvalidInput:
        return self._refused(f"has a value of the type {(tag or '')[:80]!r}")

    def _refused(self, why: str) -> InvalidInput:
        return InvalidInput(f"{self._what} {why}. Build it with gem build.")
