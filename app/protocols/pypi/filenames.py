"""Names of distributions, and the versions in them.

Spec: packaging.python.org, "Binary distribution format", "Source distribution format",
"Version specifiers".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from app.errors import InvalidInput
from app.protocols.pypi import project_names

MAX_BYTES = 255 - len(".provenance")
"""What a file's name may have: what goes with it is named after it, and has to fit as well."""

MAX_VERSION_LENGTH = 128

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_VERSION = re.compile(r"[0-9A-Za-z.!+_-]+")
_SDIST_ENDS = (".tar.gz", ".zip")
_SHOWN = 80


class FileType(StrEnum):
    """What a distribution is, as the form's ``filetype`` says it."""

    SDIST = "sdist"
    BDIST_WHEEL = "bdist_wheel"


@dataclass(frozen=True, kw_only=True)
class DistributionFilename:
    """A distribution's name, taken apart.

    Attributes:
        project: in normal form.
        python_tag: what interpreters a wheel is for; ``source`` for a source distribution.
        stem: what the name of the folder in the archive begins with: ``my_pkg-1.0``, as it
            is spelled in the file's name.
    """

    filename: str
    kind: FileType
    project: str
    version: Version
    python_tag: str
    stem: str

    @property
    def slot(self) -> str:
        """Return what a release has once: one source distribution, one wheel of a name."""
        if self.kind is FileType.SDIST:
            return "sdist"
        _name, _, rest = self.filename.partition("-")
        return f"{self.project}-{rest}"


def parse_filename(filename: str) -> DistributionFilename:
    """Take a distribution's name apart.

    Raises:
        InvalidInput: nothing that is installed from an index is called so.
    """
    shown = repr(filename[:_SHOWN])
    if len(filename) > MAX_BYTES or _PLAIN.fullmatch(filename) is None:
        raise InvalidInput(
            f"{shown} is not the name of a distribution. Use at most {MAX_BYTES} ASCII letters, "
            "digits, '.', '-', '_', '+' and '!'."
        )
    try:
        if filename.endswith(".whl"):
            return _wheel(filename)
        if filename.endswith(_SDIST_ENDS):
            return _sdist(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion, InvalidInput) as error:
        raise InvalidInput(f"{shown} is not the name of a distribution: {error}.") from error
    raise InvalidInput(f"{shown} has another ending. Upload a wheel (.whl) or an sdist (.tar.gz).")


def parse_version(text: str) -> Version:
    """Read a version.

    Raises:
        InvalidInput: it is none.
    """
    # The library takes space around it, and digits of every script.
    if len(text) <= MAX_VERSION_LENGTH and _VERSION.fullmatch(text):
        try:
            return Version(text)
        except InvalidVersion:
            pass
    raise InvalidInput(
        f"{text[:_SHOWN]!r} is not a valid version. Use a version as PEP 440 describes it, such "
        "as 1.2.3."
    )


def number_of(version: Version) -> str:
    """Return a version in the form by which it is known: ``1.0`` and ``1.0.0`` are the same."""
    return canonicalize_version(version)


def _wheel(filename: str) -> DistributionFilename:
    _name, version, _build, _tags = parse_wheel_filename(filename)
    parts = filename.split("-")
    parse_version(parts[1])
    return DistributionFilename(
        filename=filename,
        kind=FileType.BDIST_WHEEL,
        project=project_names.normalize(parts[0]),
        version=version,
        python_tag=parts[-3],
        stem="-".join(parts[:2]),
    )


def _sdist(filename: str) -> DistributionFilename:
    _name, version = parse_sdist_filename(filename)
    stem = filename.removesuffix(".zip").removesuffix(".tar.gz")
    name, _, number = stem.rpartition("-")
    parse_version(number)
    return DistributionFilename(
        filename=filename,
        kind=FileType.SDIST,
        project=project_names.normalize(name),
        version=version,
        python_tag="source",
        stem=stem,
    )
