"""Write Ruby's Marshal 4.8: what gem and bundler read of the legacy index.

A writer of those few kinds of values that are needed. It never writes links to what was
written before: clients refuse them in some places, and nowhere need them.

Spec: Ruby, "Marshal Format".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.protocols.rubygems import platforms
from app.protocols.rubygems.gem_versions import split_requirement
from app.protocols.rubygems.gemspec import GemDependency, GemSpecification

_HEADER = b"\x04\x08"
_NIL, _TRUE, _FALSE = b"0", b"T", b"F"
_SMALLEST, _GREATEST = -123, 122  # that are one byte
_SPECIFICATION_VERSION = 4

Entry = tuple[str, str, str]
"""A line of ``specs.4.8``: name, version, platform."""


class MarshalWriter:
    """Writes values into one stream; symbols are numbered as they appear in it."""

    def __init__(self) -> None:
        self._symbols: dict[str, int] = {}

    def boolean(self, value: bool) -> bytes:  # noqa: FBT001  it is the value itself
        """Write true or false."""
        return _TRUE if value else _FALSE

    def integer(self, value: int) -> bytes:
        """Write an integer of at most 31 bits."""
        return b"i" + packed(value)

    def symbol(self, name: str) -> bytes:
        """Write a symbol: by its name at first, by its number afterwards."""
        number = self._symbols.get(name)
        if number is not None:
            return b";" + packed(number)
        self._symbols[name] = len(self._symbols)
        raw = name.encode()
        return b":" + packed(len(raw)) + raw

    def string(self, text: str) -> bytes:
        """Write a text, marked as UTF-8."""
        raw = text.encode()
        return b'I"' + packed(len(raw)) + raw + packed(1) + self.symbol("E") + _TRUE

    def array(self, items: Sequence[bytes]) -> bytes:
        """Write a list of values that are written already, in their order."""
        return b"[" + packed(len(items)) + b"".join(items)

    def mapping(self, pairs: Iterable[tuple[str, str]]) -> bytes:
        """Write a mapping of texts."""
        written = [self.string(key) + self.string(value) for key, value in pairs]
        return b"{" + packed(len(written)) + b"".join(written)

    def string_or_strings(self, value: str | tuple[str, ...]) -> bytes:
        """Write a text or a list of texts."""
        return self.string(value) if isinstance(value, str) else self.strings(value)

    def strings(self, texts: Iterable[str]) -> bytes:
        """Write a list of texts."""
        return self.array([self.string(one) for one in texts])

    def version(self, number: str) -> bytes:
        """Write a ``Gem::Version``."""
        return b"U" + self.symbol("Gem::Version") + self.array([self.string(number)])

    def requirement(self, requirements: Sequence[str]) -> bytes:
        """Write a ``Gem::Requirement``: never nil, for which clients lose the dependency."""
        head = b"U" + self.symbol("Gem::Requirement")
        pairs = [
            self.array([self.string(operator), self.version(number)])
            for operator, number in map(split_requirement, requirements)
        ]
        return head + self.array([self.array(pairs)])

    def platform(self, platform: str) -> bytes:
        """Write a ``Gem::Platform``; that for all is a text."""
        if platform == platforms.RUBY:
            return self.string(platform)
        written = b"o" + self.symbol("Gem::Platform") + packed(3)
        parts = platforms.parse(platform)
        for name, part in zip(("@cpu", "@os", "@version"), parts, strict=True):
            written += self.symbol(name) + (_NIL if part is None else self.string(part))
        return written

    def dependency(self, one: GemDependency) -> bytes:
        """Write a ``Gem::Dependency``."""
        written = b"o" + self.symbol("Gem::Dependency") + packed(5)
        written += self.symbol("@name") + self.string(one.name)
        written += self.symbol("@requirement") + self.requirement(one.requirements)
        written += self.symbol("@type") + self.symbol(one.kind)
        written += self.symbol("@prerelease") + self.boolean(value=False)
        return written + self.symbol("@version_requirements") + self.requirement(one.requirements)


def packed(value: int) -> bytes:
    """Write an integer as Marshal packs lengths and numbers."""
    if value == 0:
        return b"\0"
    if 0 < value <= _GREATEST:
        return bytes((value + 5,))
    if _SMALLEST <= value < 0:
        return bytes(((value - 5) & 0xFF,))
    size = next(size for size in (1, 2, 3, 4) if -(1 << 8 * size) <= value < 1 << 8 * size)
    low = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return bytes((size if value > 0 else 256 - size,)) + low


def specification_payload(spec: GemSpecification) -> bytes:
    """Write a ``Gem::Specification``, as it is deflated in a ``.gemspec.rz``."""
    inner = _HEADER + _specification(MarshalWriter(), spec)
    writer = MarshalWriter()
    name = writer.symbol("Gem::Specification")
    return _HEADER + b"u" + name + packed(len(inner)) + inner


def _specification(writer: MarshalWriter, spec: GemSpecification) -> bytes:
    # Written in the order in which they stand: symbols are numbered by that.
    return writer.array(
        [
            writer.string(spec.rubygems_version),
            writer.integer(_SPECIFICATION_VERSION),
            writer.string(spec.name),
            writer.version(spec.version),
            writer.string(spec.date),
            writer.string(spec.summary),
            writer.requirement(spec.required_ruby_version),
            writer.requirement(spec.required_rubygems_version),
            writer.string(spec.original_platform),
            writer.array([writer.dependency(one) for one in spec.dependencies]),
            writer.string(""),
            writer.string_or_strings(spec.email),
            writer.strings(spec.authors),
            writer.string(spec.description),
            writer.string(spec.homepage),
            writer.boolean(value=True),
            writer.platform(spec.platform),
            writer.strings(spec.licenses),
            writer.mapping(spec.metadata.items()),
        ]
    )


def specs_payload(entries: Sequence[Entry]) -> bytes:
    """Write a list of gems, as it is compressed in ``specs.4.8.gz``.

    There may be a hundred thousand: after the first, what is the same in all is written once.
    """
    writer = MarshalWriter()
    written = [b"[" + packed(len(entries))]
    if entries:
        written.append(_entry(writer, entries[0]))
    text_end = packed(1) + writer.symbol("E") + _TRUE if entries else b""
    version_head = b"U" + writer.symbol("Gem::Version") + b"[" + packed(1) if entries else b""
    platforms: dict[str, bytes] = {}
    for name, version, platform in entries[1:]:
        raw_name, raw_version = name.encode(), version.encode()
        end = platforms.get(platform)
        if end is None:
            end = platforms[platform] = writer.string(platform)
        written.append(
            b'[\x08I"' + packed(len(raw_name)) + raw_name + text_end + version_head
            + b'I"' + packed(len(raw_version)) + raw_version + text_end + end
        )  # fmt: skip
    return _HEADER + b"".join(written)


def _entry(writer: MarshalWriter, entry: Entry) -> bytes:
    name, version, platform = entry
    return writer.array([writer.string(name), writer.version(version), writer.string(platform)])
