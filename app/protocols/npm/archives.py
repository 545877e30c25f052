"""What a version's tarball says about itself: the only source that is believed."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from app.archives.paths import path_below_top, require_inside
from app.archives.tarballs import ArchiveLimits, Entry, EntryKind, Tarball, shown
from app.errors import InvalidInput
from app.protocols.npm import strict_json

MAX_PACKAGE_JSON_BYTES = 1024 * 1024
MAX_README_BYTES = 64 * 1024

_README = re.compile(r"readme(?:\.[a-z0-9._-]+)?", re.IGNORECASE | re.ASCII)
_MARKDOWN = re.compile(r".*\.m?a?r?k?d?o?w?n?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class TarballFacts:
    """What was found in a tarball.

    Attributes:
        package_json: as it stands there.
        readme: the README's first 64 KiB; empty where there is none.
        unpacked_size: of all files together, in bytes.
    """

    package_json: dict[str, Any]
    readme: str
    readme_filename: str
    file_count: int
    unpacked_size: int
    has_shrinkwrap: bool
    has_binding_gyp: bool


def inspect_tarball(file: BinaryIO, *, limits: ArchiveLimits | None = None) -> TarballFacts:
    """Read a tarball once, in constant memory, and judge everything in it.

    It takes some 3 ms for each MiB unpacked: under gevent, call it through ``off_hub``.

    Args:
        file: read from where it stands to its end.
        limits: what the archive may cost; see :class:`ArchiveLimits`.

    Raises:
        InvalidInput: it is no tarball that npm could have packed, or it could do harm when
            it is unpacked.
    """
    tarball = Tarball(file, limits or ArchiveLimits())
    found = _Found()
    for entry in tarball:
        found.see(entry, tarball)
    if found.package_json is None:
        raise InvalidInput(
            "The tarball has no package.json in its top folder. Pack it with npm pack."
        )
    return TarballFacts(
        package_json=found.package_json,
        readme=found.readme,
        readme_filename=found.readme_filename,
        file_count=found.file_count,
        unpacked_size=found.unpacked_size,
        has_shrinkwrap="npm-shrinkwrap.json" in found.marks,
        has_binding_gyp="binding.gyp" in found.marks,
    )


@dataclass
class _Found:
    """What has been seen so far."""

    package_json: dict[str, Any] | None = None
    readme: str = ""
    readme_filename: str = ""
    file_count: int = 0
    unpacked_size: int = 0
    marks: set[str] = field(default_factory=set)

    def see(self, entry: Entry, tarball: Tarball) -> None:
        """Take one entry in; its body can be read from the tarball now."""
        path = path_below_top(entry.path)
        if entry.kind is EntryKind.DIRECTORY:
            return
        if not path:
            raise InvalidInput(f"{shown(entry.path)} lies beside the package's folder, not in it.")
        if "/" not in path:
            self._see_in_root(path, entry, tarball)
        if entry.kind is EntryKind.FILE:
            self.file_count += 1
            self.unpacked_size += entry.size_bytes
        else:
            require_inside(entry)

    def _see_in_root(self, name: str, entry: Entry, tarball: Tarball) -> None:
        if _folded(name) == "package.json":
            self._see_package_json(name, entry, tarball)
        elif name in {"npm-shrinkwrap.json", "binding.gyp"}:
            self.marks.add(name)
        elif entry.kind is EntryKind.FILE and self._is_better_readme(name):
            self.readme_filename = name
            self.readme = _decoded(tarball.read_body(MAX_README_BYTES), entry.size_bytes)

    def _see_package_json(self, name: str, entry: Entry, tarball: Tarball) -> None:
        # On a file system that folds case, the one unpacked last would be the one that counts.
        if self.package_json is not None or name != "package.json":
            raise InvalidInput("The tarball has two package.json, or one spelt otherwise.")
        if entry.kind is not EntryKind.FILE or entry.size_bytes > MAX_PACKAGE_JSON_BYTES:
            raise InvalidInput(
                f"package.json must be a file of at most {MAX_PACKAGE_JSON_BYTES} bytes."
            )
        raw = tarball.read_body(MAX_PACKAGE_JSON_BYTES)
        self.package_json = strict_json.load_object(
            raw.removeprefix(codecs.BOM_UTF8), "package.json"
        )

    def _is_better_readme(self, name: str) -> bool:
        """Whether a file is the README, as npm chooses it: Markdown before anything else."""
        if not _README.fullmatch(name):
            return False
        return not self.readme_filename or bool(
            _MARKDOWN.fullmatch(name) and not _MARKDOWN.fullmatch(self.readme_filename)
        )


def _folded(name: str) -> str:
    """Fold what file systems fold: case, and forms of one character."""
    return unicodedata.normalize("NFKC", name).casefold()


def _decoded(raw: bytes, whole_size: int) -> str:
    """Decode a text, without a character that is cut at its end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return decoder.decode(raw, final=len(raw) == whole_size)
