"""The documents of a gem, and the indexes of all gems that a caller may read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from app.auth.principal import Principal
from app.errors import NotFound
from app.extensions import coherence
from app.offload import off_hub
from app.protocols.rubygems import compact_index, marshal
from app.protocols.rubygems.format import split_number
from app.protocols.rubygems.gem_versions import is_prerelease, sort_key
from app.protocols.rubygems.gemspec import GemSpecification
from app.protocols.rubygems.identity import PROTOCOL_NAME
from app.registry import listings, scope_repositories
from app.registry.appended import AppendedText, GrowingText
from app.registry.documents import DocumentKind, Snapshot, document_of
from app.registry.listings import Entry, ListKind
from app.registry.resolution import PackageRef
from app.registry.scope_repositories import ReadableRepositories
from app.registry.scopes import Scope

TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"

_VERSIONS_SINCE = "2026-01-01T00:00:00Z"
"""What ``/versions`` says of its own beginning: the same in every process, for ever."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _info(snapshot: Snapshot, base_url: str) -> bytes:
    del base_url
    lines = [row["facts"]["info_line"] for row in visible(snapshot)]
    return compact_index.info_document(lines)


INFO = DocumentKind(name="rubygems/info", media_type=TEXT, render=_info, manifests_of=frozenset())


def info_text(principal: Principal, package: PackageRef) -> AppendedText:
    """Return ``/info`` of a gem that a caller may read.

    Raises:
        NotFound, Unavailable: as for ``documents.document_of``.
    """
    return AppendedText.of(document_of(principal, package, INFO, "").body)


def visible(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the rows of the versions that are to be had, oldest first."""
    return [row for row in snapshot.versions if not row.get("is_yanked")]


def specification_kind(number: str) -> DocumentKind:
    """Return the document of one gem's specification: Marshal, deflated."""

    def render(snapshot: Snapshot, base_url: str) -> bytes:
        del base_url
        for row in visible(snapshot):
            if row["number"] == number:
                spec = GemSpecification.from_json(bytes(row["manifest"]))
                return zlib.compress(marshal.specification_payload(spec))
        raise NotFound

    return DocumentKind(
        name=f"rubygems/gemspec/{number}",
        media_type=BINARY,
        render=render,
        is_shared=False,
        manifests_of=frozenset({number}),
    )


class _Versions:
    """``/versions``; see ``listings.Fold``."""

    def __init__(self) -> None:
        self._text = GrowingText()
        self._text.append(compact_index.versions_header(_VERSIONS_SINCE))

    def add(self, entries: Sequence[Entry]) -> None:
        """Add lines to the end."""
        self._text.append("".join(f"{one.text}\n" for one in entries).encode())

    def show(self) -> AppendedText:
        """Return the text as it is now."""
        return self._text.state()


@dataclass(frozen=True, kw_only=True)
class Gems:
    """The gems that are to be had.

    Attributes:
        numbers: of each name, the versions with their platforms, in the order in which they
            came.
        changed_at: to the second.
    """

    numbers: dict[str, tuple[str, ...]]
    changed_at: datetime


class _Gems:
    """Names and versions; see ``listings.Fold``."""

    def __init__(self) -> None:
        self._numbers: dict[str, tuple[str, ...]] = {}
        self._changed_at = _NEVER

    def add(self, entries: Sequence[Entry]) -> None:
        """Take in what came and went; a gem may have most of the entries, and many versions."""
        changed: dict[str, dict[str, None]] = {}
        for entry in entries:
            name, moved, _md5 = entry.text.split(" ")
            if name not in changed:
                changed[name] = dict.fromkeys(self._numbers.get(name, ()))
            for one in moved.split(","):
                if one.startswith("-"):
                    changed[name].pop(one[1:], None)
                else:
                    changed[name][one] = None
            self._changed_at = entry.at
        for name, numbers in changed.items():
            if numbers:
                self._numbers[name] = tuple(numbers)
            else:
                self._numbers.pop(name, None)

    def show(self) -> Gems:
        """Return what there is now."""
        return Gems(numbers=dict(self._numbers), changed_at=self._changed_at)


_VERSIONS: ListKind[AppendedText] = ListKind(
    name="rubygems/versions", protocol=PROTOCOL_NAME, begin=_Versions
)
GEMS: ListKind[Gems] = ListKind(name="rubygems/gems", protocol=PROTOCOL_NAME, begin=_Gems)


class SpecsFile(StrEnum):
    """The files of the legacy index."""

    RELEASED = "specs.4.8.gz"
    PRERELEASE = "prerelease_specs.4.8.gz"
    LATEST = "latest_specs.4.8.gz"


@dataclass(frozen=True, kw_only=True)
class Specs:
    """One file of the legacy index.

    Attributes:
        changed_at: to the second; none where a reader may see more, or less, without a change.
    """

    body: bytes
    changed_at: datetime | None


def versions_text(principal: Principal, scope: Scope) -> AppendedText:
    """Return ``/versions`` of what a caller may read in a scope.

    Raises:
        Unauthenticated, NotFound: as for ``scope_repositories.readable``.
    """
    found = scope_repositories.readable(principal, scope)
    return listings.shown(_VERSIONS, found.ids, of_holders=found.is_platform)


def names_text(principal: Principal, scope: Scope) -> AppendedText:
    """Return ``/names``; see :func:`versions_text`."""
    found = scope_repositories.readable(principal, scope)

    def load() -> AppendedText:
        return AppendedText.of(compact_index.names_document(sorted(_gems(found).numbers)))

    return coherence.cached(("rubygems/names", found), load, size_bytes=lambda one: one.size_bytes)


def specs(principal: Principal, scope: Scope, file: SpecsFile) -> Specs:
    """Return a file of the legacy index; see :func:`versions_text`."""
    found = scope_repositories.readable(principal, scope)

    def load() -> Specs:
        gems = _gems(found)
        since = found.same_since
        return Specs(
            body=off_hub(_specs_body, gems, file),
            changed_at=None if since is None else max(since, gems.changed_at),
        )

    return coherence.cached(
        ("rubygems/specs", found, file), load, size_bytes=lambda one: len(one.body)
    )


def gems_of(principal: Principal, scope: Scope) -> Gems:
    """Return all gems that a caller may read in a scope; see :func:`versions_text`."""
    return _gems(scope_repositories.readable(principal, scope))


def _gems(found: ReadableRepositories) -> Gems:
    return listings.shown(GEMS, found.ids, of_holders=found.is_platform)


def _specs_body(gems: Gems, file: SpecsFile) -> bytes:
    entries = [
        (name, *split_number(number))
        for name, numbers in sorted(gems.numbers.items())
        for number in numbers
    ]
    wants_prerelease = file is SpecsFile.PRERELEASE
    chosen = [one for one in entries if is_prerelease(one[1]) is wants_prerelease]
    if file is SpecsFile.LATEST:
        chosen = _newest(chosen)
    return gzip.compress(marshal.specs_payload(chosen), mtime=0)


def _newest(entries: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the highest version of each name on each platform."""
    newest: dict[tuple[str, str], tuple[str, str, str]] = {}
    for one in entries:
        name, version, platform = one
        known = newest.get((name, platform))
        if known is None or sort_key(version) > sort_key(known[1]):
            newest[name, platform] = one
    return list(newest.values())
