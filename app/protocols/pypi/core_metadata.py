"""Core metadata, as the archive holds them: the only source that is believed.

Spec: packaging.python.org, "Core metadata specifications".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import orjson
from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from app.errors import InvalidInput
from app.protocols.pypi import filenames, project_names

MAX_BYTES = 4 * 1024 * 1024
"""Of METADATA or PKG-INFO, description and all: they are kept in one row of the database."""

_MOST_FIELDS = 10_000
_MOST_FIELD_NAMES = 100
_BLANK_LINE = re.compile(rb"(?:\r\n|\r|\n)(?:\r|\n)")
_FIELD_NAME = re.compile(rb"(?:\A|[\r\n])([!-9;-~]*):")
_OF_MAIL = frozenset({b"content-type", b"content-transfer-encoding"})
"""Of these fields the parser would take a message apart, as deep as it goes."""

_KNOWN_VERSION = re.compile(r"(?:1\.[0-9]|2\.[0-9]{1,2})")
_UNKNOWN = "UNKNOWN"  # what distutils wrote where it knew nothing
_SINCE_DYNAMIC = (2, 2)
_SHOWN = 200
_MOST_REQUIRED = 256 * 1024
"""Characters of Requires-Dist: readers have it parsed again, a microsecond for each of them."""
_LONGEST_REQUIRES_PYTHON = 1000
"""In characters: it is kept with each file of a release, and shown with each in every list."""


@dataclass(frozen=True, kw_only=True)
class CoreMetadata:
    """What a distribution says of itself.

    Attributes:
        raw: the bytes of METADATA or PKG-INFO.
        name: as it is spelled there.
        version: as it is spelled there.
        description: as it is there, in whatever markup.
        fields: all but the description, as JSON values, by the names that PyPI's JSON API
            gives them; those that are not there are missing.
    """

    raw: bytes
    name: str
    version: str
    metadata_version: tuple[int, ...]
    description: str
    fields: dict[str, Any]

    @classmethod
    def parse(cls, raw: bytes, *, file: str) -> Self:
        """Read and judge core metadata.

        Args:
            raw: the file's bytes.
            file: how it is called, for the sentence.

        Raises:
            InvalidInput: they are too large, cannot be read, or say what nobody could use.
        """
        if len(raw) > MAX_BYTES:
            raise invalid(f"{file} is larger than {MAX_BYTES} bytes")
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise invalid(f"{file} is not UTF-8") from error
        _require_cheap(raw, file)
        parsed, unknown = parse_email(raw)
        version = parsed.get("metadata_version", "")
        if _KNOWN_VERSION.fullmatch(version) is None:
            raise invalid(
                f"{file} has the Metadata-Version {version[:_SHOWN]!r}; 1.x and 2.x are known"
            )
        if "requires-python" in unknown:
            raise invalid(f"{file} has more than one Requires-Python")
        _require_usable(parsed, file)
        return cls(
            raw=raw,
            name=parsed.get("name", ""),
            version=parsed.get("version", ""),
            metadata_version=tuple(int(part) for part in version.split(".")),
            description=parsed.get("description", ""),
            fields=_fields(parsed),
        )

    @property
    def summary(self) -> str:
        """Return the summary; empty where there is none."""
        return str(self.fields.get("summary") or "")

    @property
    def keywords(self) -> list[str]:
        """Return what the project is found by: separated by commas, or by spaces of old."""
        text = str(self.fields.get("keywords") or "")
        separated = text.split(",") if "," in text else text.split()
        return [one.strip() for one in separated if one.strip()]

    @property
    def requires_python(self) -> str:
        """Return the specifier of interpreters; empty where any will do."""
        return str(self.fields.get("requires_python") or "")

    @property
    def holds_for_every_build(self) -> bool:
        """Whether a source distribution's metadata are those of any wheel built from it.

        Spec: "Dynamic"; PEP 643.
        """
        return self.metadata_version >= _SINCE_DYNAMIC and not self.fields.get("dynamic")

    def require_same(self, project: str, version: Version) -> None:
        """Make sure that this is about a project, in normal form, and a version.

        Raises:
            InvalidInput: it is about another.
        """
        try:
            is_same = (
                project_names.normalize(self.name) == project
                and filenames.parse_version(self.version) == version
            )
        except InvalidInput as error:
            raise invalid(f"its metadata: {error.message}") from error
        if not is_same:
            raise invalid(
                f"its metadata say that it is {self.name[:_SHOWN]} {self.version[:_SHOWN]}, and "
                f"it was sent as {project} {version}"
            )

    def to_json(self) -> bytes:
        """Return the fields as JSON, for ``Version.manifest``."""
        return orjson.dumps(self.fields)


def invalid(why: str) -> InvalidInput:
    """Say what is wrong with an archive, in PyPI's words."""
    return InvalidInput(f"Invalid distribution file. {why[:1].upper()}{why[1:]}.")


def _require_cheap(raw: bytes, file: str) -> None:
    """Refuse what the parser would read for hours: it looks for each field among all others."""
    # Not fewer than what it takes for fields: it ends at an empty line as well, or before.
    head = _BLANK_LINE.split(raw, 1)[0]
    names = _FIELD_NAME.findall(head)
    if len(names) > _MOST_FIELDS or len(set(names)) > _MOST_FIELD_NAMES:
        raise invalid(
            f"{file} has more than {_MOST_FIELDS} fields, or {_MOST_FIELD_NAMES} kinds of them"
        )
    if any(one.lower() in _OF_MAIL for one in names):
        raise invalid(f"{file} has fields of a mail")


def _require_usable(parsed: RawMetadata, file: str) -> None:
    """Refuse what every installer would stumble over."""
    requires_python = parsed.get("requires_python", "")
    if len(requires_python) > _LONGEST_REQUIRES_PYTHON:
        raise invalid(
            f"{file} has a Requires-Python of more than {_LONGEST_REQUIRES_PYTHON} characters"
        )
    try:
        SpecifierSet(requires_python)
    except InvalidSpecifier as error:
        raise invalid(f"{file} has an invalid Requires-Python: {error}"[:_SHOWN]) from error
    required = parsed.get("requires_dist", [])
    if sum(map(len, required)) > _MOST_REQUIRED:
        raise invalid(f"{file} has more than {_MOST_REQUIRED} characters of Requires-Dist")
    for one in required:
        try:
            Requirement(one)
        except InvalidRequirement as error:
            raise invalid(f"{file} has an invalid Requires-Dist, {one!r}"[:_SHOWN]) from error


def _fields(parsed: RawMetadata) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: parsed.get(name)
        for name in (
            "summary",
            "description_content_type",
            "license",
            "license_expression",
            "license_files",
            "classifiers",
            "author",
            "author_email",
            "maintainer",
            "maintainer_email",
            "requires_python",
            "requires_dist",
            "provides_extra",
            "dynamic",
            "home_page",
            "download_url",
            "project_urls",
        )
    }
    keywords = parsed.get("keywords")
    found["keywords"] = None if keywords is None else ",".join(keywords)
    platforms = parsed.get("platforms")
    found["platform"] = None if platforms is None else ",".join(platforms)
    return {name: value for name, value in found.items() if value and value != _UNKNOWN}
