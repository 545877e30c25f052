"""What a wheel holds, and whether it is one that every installer reads alike.

Spec: packaging.python.org, "Binary distribution format".
"""

from __future__ import annotations

import zipfile
from typing import BinaryIO

from app.archives.zips import ZipLimits, open_zip, read_member
from app.errors import InvalidInput
from app.protocols.pypi import filenames, project_names
from app.protocols.pypi.core_metadata import MAX_BYTES, CoreMetadata, invalid
from app.protocols.pypi.filenames import DistributionFilename
from app.protocols.pypi.inspected import Inspected

_FOLDER = ".dist-info"
_NEEDED = ("METADATA", "WHEEL", "RECORD")
_LIMITS = ZipLimits()


def read_wheel(file: BinaryIO, filename: DistributionFilename) -> Inspected:
    """Read a wheel's core metadata.

    Unzips nothing else, so that it takes as long as the zip has entries. Under gevent, call
    it through ``off_hub``.

    Args:
        file: can be sought in.
        filename: as it was uploaded.

    Raises:
        InvalidInput: it is no wheel, or not the one that its name says.
    """
    try:
        with open_zip(file, _LIMITS) as archive:
            raw = _read_metadata(archive, filename)
    except InvalidInput as error:
        raise invalid(error.message.removesuffix(".")) from error
    return Inspected(metadata=CoreMetadata.parse(raw, file="METADATA"), served=raw)


def _read_metadata(archive: zipfile.ZipFile, filename: DistributionFilename) -> bytes:
    members = {one.filename: one for one in archive.infolist()}
    folders = {name.partition("/")[0] for name in members}
    found = [one for one in folders if one.endswith(_FOLDER)]
    if len(found) != 1:
        raise InvalidInput(f"it has {len(found)} {_FOLDER} folders, and needs one")
    [folder] = found
    if not _is_of(folder, filename):
        raise InvalidInput(f"its folder {folder!r} is not of {filename.project} {filename.version}")
    for name in _NEEDED:
        if f"{folder}/{name}" not in members:
            raise InvalidInput(f"it has no {folder}/{name}")
    return read_member(archive, members[f"{folder}/METADATA"], MAX_BYTES)


def _is_of(folder: str, filename: DistributionFilename) -> bool:
    name, _, version = folder.removesuffix(_FOLDER).partition("-")
    try:
        return (
            project_names.normalize(name) == filename.project
            and filenames.parse_version(version) == filename.version
        )
    except InvalidInput:
        return False
