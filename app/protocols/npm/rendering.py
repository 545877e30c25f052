"""npm's documents of one package: pure functions of values to bytes.

Spec: npm registry, "package metadata": the full and the abbreviated form.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from app.errors import NotFound, StaleRevision
from app.protocols.npm import ranges, semver
from app.protocols.npm.integrity import integrity_of
from app.protocols.npm.manifests import person

LATEST = "latest"

# What an installer needs of a version; ``dist`` and ``deprecated`` are added to it.
_ABBREVIATED_FIELDS = (
    "name",
    "version",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bundleDependencies",
    "bin",
    "directories",
    "engines",
    "os",
    "cpu",
    "libc",
    "funding",
    "hasInstallScript",
    "_hasShrinkwrap",
)
# What the packument repeats of its latest version.
_FIELDS_OF_LATEST = (
    "description",
    "homepage",
    "keywords",
    "repository",
    "author",
    "contributors",
    "bugs",
    "license",
    "readmeFilename",
)
_REVISION_ID = re.compile(r"([0-9]{1,18})-[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True)
class VersionView:
    """One published version.

    Attributes:
        number: its key.
        manifest: the JSON object that ``manifests.build_manifest`` made.
        filename: the last part of its tarball's URL.
        sha1, sha512: of the tarball, hexadecimal.
        unpacked_size: in bytes.
        deprecated: the message; empty: it is not.
        published_at: UTC.
        signatures: each with ``keyid`` and ``sig``.
    """

    number: str
    manifest: bytes
    filename: str
    sha1: str
    sha512: str
    file_count: int
    unpacked_size: int
    published_at: datetime
    deprecated: str = ""
    signatures: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class PackageView:
    """One package with what is published of it.

    Attributes:
        package_id, revision: make its ``_rev``.
        tags: version numbers, by tag.
        versions: oldest first.
        withdrawn: when versions that are gone were published, by number.
        maintainers: user name and e-mail address of each owner.
        stars: user names.
        readme: of its latest version.
    """

    name: str
    package_id: str
    revision: int
    tags: Mapping[str, str]
    versions: Sequence[VersionView]
    created_at: datetime
    modified_at: datetime
    withdrawn: Mapping[str, datetime] = field(default_factory=dict)
    maintainers: Sequence[tuple[str, str]] = ()
    stars: Sequence[str] = ()
    readme: str = ""


def render_packument(package: PackageView, base_url: str) -> bytes:
    """Render the full packument.

    Args:
        package: a package with a version at least.
        base_url: the registry's URL as the client knows it, with its final slash.
    """
    tags = visible_tags(package)
    latest = _latest_manifest(package, tags)
    document: dict[str, Any] = {
        "_id": package.name,
        "_rev": revision_id(package.package_id, package.revision),
        "name": package.name,
        "dist-tags": tags,
        "versions": {
            version.number: orjson.Fragment(_full_manifest(package, version, base_url))
            for version in package.versions
        },
        "time": _times(package),
        "maintainers": [person(username, email) for username, email in package.maintainers],
        **{name: latest[name] for name in _FIELDS_OF_LATEST if name in latest},
    }
    if package.stars:
        document["users"] = dict.fromkeys(package.stars, True)
    if package.readme:
        document["readme"] = package.readme
    return orjson.dumps(document)


def render_abbreviated(package: PackageView, base_url: str) -> bytes:
    """Render the abbreviated packument, with ``time`` for clients that wait for an age."""
    return orjson.dumps(
        {
            "name": package.name,
            "modified": timestamp(package.modified_at),
            "dist-tags": visible_tags(package),
            "versions": {
                version.number: _abbreviated_manifest(package, version, base_url)
                for version in package.versions
            },
            "time": {
                version.number: timestamp(version.published_at) for version in package.versions
            },
        }
    )


def render_manifest(package: PackageView, reference: str, base_url: str) -> bytes:
    """Render one version's manifest.

    Args:
        package: the package.
        reference: a tag, a number or a range, which gives the newest version in it.
        base_url: as for :func:`render_packument`.

    Raises:
        NotFound: there is no such version.
    """
    number = _resolve(package, reference)
    for version in package.versions:
        if version.number == number:
            return _full_manifest(package, version, base_url)
    raise NotFound(f"version not found: {reference}")


def visible_tags(package: PackageView) -> dict[str, str]:
    """Return the tags that point at versions that are there.

    ``latest`` is always among them, because npm cannot install without it.
    """
    present = {version.number for version in package.versions}
    tags = {tag: number for tag, number in package.tags.items() if number in present}
    if LATEST not in tags and present:
        tags = {LATEST: _newest(present), **tags}
    return tags


def revision_id(package_id: str, revision: int) -> str:
    """Return what npm calls ``_rev``: nobody can make one up for a state they never saw."""
    digest = hashlib.sha256(f"{package_id}:{revision}".encode()).hexdigest()
    return f"{revision}-{digest[:16]}"


def parse_revision_id(package_id: str, raw: str) -> int:
    """Return the revision that a ``_rev`` names.

    Raises:
        StaleRevision: it was never one of this package's.
    """
    match = _REVISION_ID.fullmatch(raw)
    if match is None or raw != revision_id(package_id, int(match[1])):
        raise StaleRevision("Document update conflict.")
    return int(match[1])


def timestamp(moment: datetime) -> str:
    """Write a moment as JavaScript does: UTC, in milliseconds."""
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return utc.isoformat(timespec="milliseconds") + "Z"


def _newest(numbers: set[str]) -> str:
    """Return the highest release, or the highest prerelease where there is no release."""
    found = [semver.parse(number) for number in numbers]
    return max(found, key=lambda version: (not version.prerelease, version.precedence)).key


def _resolve(package: PackageView, reference: str) -> str | None:
    tags = visible_tags(package)
    if reference in tags:
        return tags[reference]
    try:
        return semver.parse(reference).key
    except semver.InvalidVersion:
        pass
    try:
        wanted = ranges.parse(reference)
    except ranges.InvalidRange:
        return None
    newest = wanted.newest(semver.parse(version.number) for version in package.versions)
    return newest.key if newest else None


def _latest_manifest(package: PackageView, tags: Mapping[str, str]) -> dict[str, Any]:
    for version in package.versions:
        if version.number == tags.get(LATEST):
            manifest: dict[str, Any] = orjson.loads(version.manifest)
            return manifest
    return {}


def _full_manifest(package: PackageView, version: VersionView, base_url: str) -> bytes:
    """Append to the manifest, as bytes, what is not stored in it."""
    added: dict[str, Any] = {"dist": _dist(package, version, base_url)}
    if version.deprecated:
        added["deprecated"] = version.deprecated
    return version.manifest[:-1] + b"," + orjson.dumps(added)[1:]


def _abbreviated_manifest(
    package: PackageView, version: VersionView, base_url: str
) -> dict[str, Any]:
    manifest = orjson.loads(version.manifest)
    shown = {name: manifest[name] for name in _ABBREVIATED_FIELDS if name in manifest}
    shown["dist"] = _dist(package, version, base_url)
    if version.deprecated:
        shown["deprecated"] = version.deprecated
    return shown


def _dist(package: PackageView, version: VersionView, base_url: str) -> dict[str, Any]:
    dist: dict[str, Any] = {
        "tarball": f"{base_url}{package.name}/-/{version.filename}",
        "shasum": version.sha1,
        "integrity": integrity_of(version.sha512),
        "fileCount": version.file_count,
        "unpackedSize": version.unpacked_size,
    }
    if version.signatures:
        dist["signatures"] = list(version.signatures)
    return dist


def _times(package: PackageView) -> dict[str, str]:
    """Return when each version was published, those that are gone included."""
    published = {version.number: version.published_at for version in package.versions}
    in_order = sorted({**package.withdrawn, **published}.items(), key=lambda pair: pair[1])
    return {
        "created": timestamp(package.created_at),
        "modified": timestamp(package.modified_at),
        **{number: timestamp(moment) for number, moment in in_order},
    }
