"""What a source distribution holds.

Spec: packaging.python.org, "Source distribution format".
"""

from __future__ import annotations

from typing import BinaryIO

from app.archives.paths import path_below_top, require_inside
from app.archives.tarballs import ArchiveLimits, Entry, EntryKind, Tarball
from app.archives.zips import ZipLimits, open_zip, read_member
from app.errors import InvalidInput
from app.protocols.pypi.core_metadata import MAX_BYTES, CoreMetadata, invalid
from app.protocols.pypi.filenames import DistributionFilename
from app.protocols.pypi.inspected import Inspected

_PKG_INFO = "PKG-INFO"
_TAR_LIMITS = ArchiveLimits(max_ratio=50, ratio_counts_from_bytes=64 * 1024**2)
_ZIP_LIMITS = ZipLimits()


def read_sdist(file: BinaryIO, filename: DistributionFilename) -> Inspected:
    """Read a source distribution's core metadata.

    Everything is unpacked on the way, in constant memory, and nothing kept: some 3 ms for
    each MiB. Under gevent, call it through ``off_hub``.

    Args:
        file: can be sought in.
        filename: as it was uploaded.

    Raises:
        InvalidInput: it is no source distribution, or could do harm when it is unpacked.
    """
    try:
        raw = _from_zip(file) if filename.filename.endswith(".zip") else _from_tar(file)
    except InvalidInput as error:
        raise invalid(error.message.removesuffix(".")) from error
    metadata = CoreMetadata.parse(raw, file=_PKG_INFO)
    return Inspected(metadata=metadata, served=raw if metadata.holds_for_every_build else None)


def _from_tar(file: BinaryIO) -> bytes:
    found: bytes | None = None
    top = ""
    tarball = Tarball(file, _TAR_LIMITS)
    for entry in tarball:
        below = path_below_top(entry.path)
        first = entry.path.partition("/")[0]
        top = top or first
        if first != top:
            raise _several_tops()
        if entry.kind in {EntryKind.SYMLINK, EntryKind.HARDLINK}:
            require_inside(entry)
            _require_leads_elsewhere(entry, below)
        if below != _PKG_INFO:
            continue
        if found is not None or entry.kind is not EntryKind.FILE:
            raise InvalidInput("it has PKG-INFO twice, or as something other than a file")
        if entry.size_bytes > MAX_BYTES:
            raise InvalidInput(f"its PKG-INFO is larger than {MAX_BYTES} bytes")
        found = tarball.read_body(MAX_BYTES)
    return _required(found)


def _require_leads_elsewhere(link: Entry, below: str) -> None:
    """Refuse a link through which PKG-INFO could be written once more, under another name."""
    if link.kind is EntryKind.HARDLINK:
        target = path_below_top(link.link_target)
    else:
        folder = below.rpartition("/")[0]
        parts = f"{folder}/{link.link_target}".split("/")
        target = "/".join(part for part in parts if part not in {"", "."})
    if target in {"", _PKG_INFO}:
        raise InvalidInput("it has a link to PKG-INFO, or to the folder that it is in")


def _from_zip(file: BinaryIO) -> bytes:
    found = None
    with open_zip(file, _ZIP_LIMITS) as archive:
        members = archive.infolist()
        tops = {one.filename.partition("/")[0] for one in members}
        for one in members:
            if one.filename.partition("/")[2] == _PKG_INFO:
                found = read_member(archive, one, MAX_BYTES)
    if len(tops) != 1:
        raise _several_tops()
    return _required(found)


def _several_tops() -> InvalidInput:
    return InvalidInput("it has more than one folder, or files, at its top")


def _required(found: bytes | None) -> bytes:
    if found is None:
        raise InvalidInput("it has no PKG-INFO in its top folder")
    return found
