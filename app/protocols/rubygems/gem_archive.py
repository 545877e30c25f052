"""Read a gem: an uncompressed tar of its specification, its files, and their checksums.

Spec: RubyGems, ``Gem::Package``.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from app.archives.tarballs import ArchiveLimits, EntryKind, Tarball
from app.errors import InvalidInput
from app.protocols.rubygems import safe_yaml
from app.protocols.rubygems.gemspec import GemSpecification
from app.protocols.rubygems.gemspec_rules import shown
from app.protocols.rubygems.gemspec_yaml import read_gemspec
from app.protocols.rubygems.safe_yaml import Mapping

MAX_UNPACKED_BYTES = 10 * 1024**2
"""Of the specification, of the checksums, and of each signature."""

_METADATA, _DATA, _CHECKSUMS = "metadata.gz", "data.tar.gz", "checksums.yaml.gz"
_CONTENTS = (_METADATA, _DATA, _CHECKSUMS)
_SIGNATURES = tuple(f"{name}.sig" for name in _CONTENTS)

_GZIP = zlib.MAX_WBITS | 16
_MAGIC = slice(257, 262)
_TAR_MAGIC = b"ustar"
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 256 * 1024

_ALGORITHMS = {"SHA256": "sha256", "SHA512": "sha512"}
"""As checksums.yaml calls them, and as hashlib does."""


def read_gem(file: BinaryIO) -> GemSpecification:
    """Read a gem once, in constant memory, and return its specification.

    The files in it are hashed, not unpacked. It takes some 5 ms for each MiB: under gevent, call
    it through ``off_hub``.

    Args:
        file: read from where it stands to its end.

    Raises:
        InvalidInput: it is no gem as ``gem build`` makes them, is damaged, or could do harm to
            whoever reads it or the index.
    """
    try:
        return _read(file)
    except InvalidInput as error:
        raise InvalidInput(f"cannot process this gem: {error.message}") from error


def _read(file: BinaryIO) -> GemSpecification:
    start = file.read(_MAGIC.stop)
    file.seek(-len(start), os.SEEK_CUR)
    if start[_MAGIC] != _TAR_MAGIC:
        raise InvalidInput("It is no gem, which is a tar file. Build it with gem build.")
    members = _read_members(file)
    missing = [name for name in _CONTENTS if name not in members.seen]
    if missing:
        raise InvalidInput(f"It has no {' and no '.join(missing)}. Build it with gem build.")
    _require_sums(members)
    spec = read_gemspec(_gunzipped(members.kept[_METADATA], _METADATA))
    if spec.is_signed and not members.seen.issuperset(_SIGNATURES):
        raise InvalidInput(
            "It names its certificates, but not all of its files are signed. Build it again "
            "with your signing key, or without cert_chain."
        )
    return spec


@dataclass
class _Members:
    """What was in a gem.

    Attributes:
        kept: contents, as they are packed.
        sums: in hexadecimal, by member and algorithm.
    """

    seen: set[str] = field(default_factory=set)
    kept: dict[str, bytes] = field(default_factory=dict)
    sums: dict[tuple[str, str], str] = field(default_factory=dict)


def _read_members(file: BinaryIO) -> _Members:
    members = _Members()
    limits = ArchiveLimits(max_entries=len(_CONTENTS) + len(_SIGNATURES))
    tar = Tarball(file, limits, is_compressed=False, is_plain=True)
    for entry in tar:
        name = entry.path
        if entry.kind is not EntryKind.FILE or name not in {*_CONTENTS, *_SIGNATURES}:
            raise InvalidInput(
                f"It has {shown(name)} in it, which no gem has. Build it with gem build."
            )
        if name in members.seen:
            raise InvalidInput(f"It has {name} twice.")
        if name != _DATA and entry.size_bytes > MAX_UNPACKED_BYTES:
            raise InvalidInput(f"{name} has more than {MAX_UNPACKED_BYTES} bytes.")
        members.seen.add(name)
        if name in _CONTENTS:
            _take(name, entry.size_bytes, tar, members)
    return members


def _take(name: str, size_bytes: int, tar: Tarball, members: _Members) -> None:
    """Hash a member, and keep it unless it is the large one."""
    hashes = {label: hashlib.new(algorithm) for label, algorithm in _ALGORITHMS.items()}
    kept = []
    for at in range(0, size_bytes, _PIECE_BYTES):
        piece = tar.read_body(_PIECE_BYTES)
        if at == 0 and not piece.startswith(_GZIP_MAGIC):
            raise InvalidInput(f"{name} is not compressed by gzip.")
        for one in hashes.values():
            one.update(piece)
        if name != _DATA:
            kept.append(piece)
    members.kept[name] = b"".join(kept)
    members.sums |= {(name, label): one.hexdigest() for label, one in hashes.items()}


def _require_sums(members: _Members) -> None:
    """Let a gem pass whose checksums are right: every algorithm that is there, for both files."""
    stated = safe_yaml.load(_gunzipped(members.kept[_CHECKSUMS], _CHECKSUMS), _CHECKSUMS)
    by_algorithm = stated.values if isinstance(stated, Mapping) else {}
    known = [label for label in _ALGORITHMS if label in by_algorithm]
    if not known:
        raise InvalidInput(f"{_CHECKSUMS} has neither SHA256 nor SHA512. Build it with gem build.")
    for label in known:
        sums = by_algorithm[label]
        expected = {name: members.sums[name, label] for name in (_METADATA, _DATA)}
        if not isinstance(sums, Mapping) or sums.values != expected:
            raise InvalidInput(
                f"The {label} checksums in {_CHECKSUMS} are not those of its files: it is damaged. "
                "Build it again."
            )


def _gunzipped(raw: bytes, name: str) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(raw, MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise InvalidInput(f"{name} is damaged.") from error
    if len(plain) > MAX_UNPACKED_BYTES:
        raise InvalidInput(f"{name} has more than {MAX_UNPACKED_BYTES} bytes when it is unpacked.")
    # After the end of one gzip file some readers would see another.
    if not inflater.eof or inflater.unused_data:
        raise InvalidInput(f"{name} is cut off, or has something after its end.")
    return plain
