"""What clients send, as frozen values; nothing raw goes further.

A ``PUT`` to a package means one of five things, and only its document tells which.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.errors import InvalidInput, TooLarge, UnsupportedMediaType
from app.offload import off_hub
from app.protocols.npm import integrity, strict_json, versions
from app.protocols.npm.attachments import PROVENANCE_SUFFIX, WHAT, Body, Readable, read_publish
from app.protocols.npm.names import PackageName
from app.protocols.npm.semver import Version
from app.storage.base import PIECE_BYTES, Staged

__all__ = [
    "Access",
    "Body",
    "Change",
    "Deprecation",
    "Maintainer",
    "Owners",
    "Publish",
    "Removal",
    "Star",
    "classify",
    "read_json",
    "read_publish",
]

MAX_DEPRECATION_LENGTH = 1024
MAX_DIST_TAGS = 100
MAX_PROVENANCE_BYTES = 1024 * 1024

_BUNDLE = "The provenance bundle"
_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"
_GZIP = zlib.MAX_WBITS | 16


class Access(StrEnum):
    """Who should read a scoped package, says its publisher."""

    PUBLIC = "public"
    RESTRICTED = "restricted"


@dataclass(frozen=True, kw_only=True)
class Publish:
    """One new version.

    Attributes:
        version: as the document spells it; its ``key`` is what it is known by.
        tags: to point at it; may be empty.
        access: none keeps what is.
        manifest: what the client says about the version; the tarball knows better.
        tarball: checked against every length and digest that the client announced.
        provenance: a Sigstore bundle, as the JSON text that came; nobody has verified it.
    """

    name: PackageName
    version: Version
    tags: frozenset[str]
    access: Access | None
    manifest: Mapping[str, Any]
    tarball: Staged
    provenance: str | None


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """The deprecation message of each version in a document; empty: none.

    The document is a whole packument, perhaps an old one: only a message that differs from
    what is stored is meant, and everything else in it is to be ignored.
    """

    messages: Mapping[str, str]
    revision: str | None


@dataclass(frozen=True, kw_only=True)
class Star:
    """Who has starred the package, says the client; only the caller's own star is meant."""

    usernames: frozenset[str]
    revision: str | None


@dataclass(frozen=True, kw_only=True)
class Maintainer:
    """One of a package's owners."""

    username: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Owners:
    """The owners that a package is to have: never none."""

    maintainers: tuple[Maintainer, ...]
    revision: str


@dataclass(frozen=True, kw_only=True)
class Removal:
    """A packument from which versions were taken out.

    Attributes:
        kept: the numbers that it still has; those that it lacks are to be withdrawn.
        tags: where every tag is to point afterwards.
    """

    kept: frozenset[str]
    tags: Mapping[str, str]
    revision: str


Change = Publish | Deprecation | Star | Owners | Removal


def classify(body: Body, name: PackageName, *, revision: str | None = None) -> Change:
    """Tell what a PUT to a package asks for.

    Args:
        body: what was sent; its tarball, if any, is read but not consumed.
        name: from the URL.
        revision: from the URL, where it ends in ``/-rev/<revision>``.

    Raises:
        InvalidInput: it asks for nothing that npm can ask for, or contradicts itself.
    """
    document = body.document
    _require_same_name(document, name)
    if revision is not None:
        return _change_at_revision(document, revision)
    if document.get("_attachments"):
        return _publish(body, name)
    if "versions" in document:
        return Deprecation(messages=_deprecations(document), revision=_revision(document))
    if "users" in document:
        users = _object(document, "users")
        return Star(
            usernames=frozenset(user for user, is_starred in users.items() if is_starred),
            revision=_revision(document),
        )
    raise InvalidInput(
        "This document changes nothing. Send 'versions' with '_attachments' to publish, "
        "'versions' to deprecate, or 'users' to star."
    )


def read_json(stream: Readable, *, encoding: str, limit_bytes: int) -> Any:  # noqa: ANN401  any JSON
    """Read a small JSON body of any type, plain or, as npm and bun send some, in gzip.

    Args:
        stream: consumed.
        encoding: the value of ``Content-Encoding``.
        limit_bytes: of the plain form.

    Raises:
        InvalidInput: it is not what it should be.
        TooLarge: it is over the limit, before or after decompression.
        UnsupportedMediaType: it is encoded in some other way.
    """
    what = "The request body"
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        raw = _read_plain(stream, limit_bytes, what)
    elif coding in {"gzip", "x-gzip"}:
        raw = _read_gzip(stream, limit_bytes, what)
    else:
        raise UnsupportedMediaType("Send the request body plain or in gzip.")
    return strict_json.loads(raw, what)


def _read_plain(stream: Readable, limit_bytes: int, what: str) -> bytes:
    raw = bytearray()
    while piece := stream.read(min(PIECE_BYTES, limit_bytes + 1 - len(raw))):
        raw += piece
        if len(raw) > limit_bytes:
            raise TooLarge(what, limit_bytes)
    return bytes(raw)


def _read_gzip(stream: Readable, limit_bytes: int, what: str) -> bytes:
    compressed = _read_plain(stream, limit_bytes, what)
    inflater = zlib.decompressobj(_GZIP)
    try:
        raw = off_hub(inflater.decompress, compressed, limit_bytes + 1)
    except zlib.error as error:
        raise InvalidInput(f"{what} is not valid gzip.") from error
    if len(raw) > limit_bytes:
        raise TooLarge(what, limit_bytes)
    if not inflater.eof or inflater.unused_data:
        raise InvalidInput(f"{what} is gzip that is cut off, or has something after its end.")
    return raw


def _change_at_revision(document: dict[str, Any], revision: str) -> Owners | Removal:
    if "versions" in document:
        tags = _object(document, "dist-tags")
        if not all(isinstance(number, str) for number in tags.values()):
            raise InvalidInput("Each of 'dist-tags' must be a version number in quotes.")
        for tag in tags:
            versions.require_tag(tag)
        return Removal(kept=frozenset(_object(document, "versions")), tags=tags, revision=revision)
    if "maintainers" in document:
        return Owners(maintainers=_maintainers(document["maintainers"]), revision=revision)
    raise InvalidInput("Send a packument without the versions to remove, or 'maintainers'.")


def _maintainers(listed: object) -> tuple[Maintainer, ...]:
    if not isinstance(listed, list) or not listed:
        raise InvalidInput("'maintainers' must be a list, and a package needs at least one.")
    maintainers = []
    for one in listed:
        username = one.get("name") if isinstance(one, dict) else None
        email = one.get("email", "") if isinstance(one, dict) else None
        if not isinstance(username, str) or not username or not isinstance(email, str):
            raise InvalidInput("Each of 'maintainers' must be an object with 'name' and 'email'.")
        maintainers.append(Maintainer(username=username, email=email))
    return tuple(maintainers)


def _deprecations(document: dict[str, Any]) -> dict[str, str]:
    messages = {}
    for number, manifest in _object(document, "versions").items():
        message = manifest.get("deprecated", "") if isinstance(manifest, dict) else None
        if not isinstance(message, str) or len(message) > MAX_DEPRECATION_LENGTH:
            raise InvalidInput(
                f"The deprecation message of {number[: versions.MAX_TAG_LENGTH]} must be a text of "
                f"at most {MAX_DEPRECATION_LENGTH} characters; an empty one undoes a deprecation."
            )
        messages[number] = message
    return messages


def _publish(body: Body, name: PackageName) -> Publish:
    document = body.document
    number, manifest = _only_version(document, name)
    version = versions.parse_version(number)
    attachments = _object(document, "_attachments")
    tarball = _tarball(body, attachments, name.attachment(number))
    provenance = _provenance(attachments, name.attachment(number, "sigstore"))
    _require_announced_digests(manifest, tarball)
    return Publish(
        name=name,
        version=version,
        tags=_tags(document, version),
        access=_access(document),
        manifest=manifest,
        tarball=tarball,
        provenance=provenance,
    )


def _require_same_name(document: dict[str, Any], name: PackageName) -> None:
    for member in ("name", "_id"):
        if document.get(member, name.full) != name.full:
            raise InvalidInput(
                f"The document's '{member}' is not {name.full}, the package in the URL."
            )


def _only_version(document: dict[str, Any], name: PackageName) -> tuple[str, dict[str, Any]]:
    listed = _object(document, "versions")
    if len(listed) != 1:
        raise InvalidInput(f"A publish holds exactly one version; this one holds {len(listed)}.")
    ((number, manifest),) = listed.items()
    if not isinstance(manifest, dict) or manifest.get("version") != number:
        raise InvalidInput("The version's key in 'versions' and its 'version' must be equal.")
    if document.get("name") != name.full or manifest.get("name") != name.full:
        raise InvalidInput(f"The document and its version must both have the name {name.full}.")
    return number, manifest


def _tarball(body: Body, attachments: dict[str, Any], wanted: str) -> Staged:
    others = [one for one in attachments if one != wanted and not one.endswith(PROVENANCE_SUFFIX)]
    if others or wanted not in body.tarballs:
        raise InvalidInput(f"A publish holds exactly one tarball, as the attachment {wanted}.")
    staged = body.tarballs[wanted]
    length = attachments[wanted].get("length", staged.size_bytes)
    if isinstance(length, bool) or length != staged.size_bytes:
        raise InvalidInput(
            f"The tarball has {staged.size_bytes} bytes, and its 'length' says otherwise. "
            "Publish it again."
        )
    return staged


def _provenance(attachments: dict[str, Any], wanted: str) -> str | None:
    bundles = {one: value for one, value in attachments.items() if one.endswith(PROVENANCE_SUFFIX)}
    if not bundles:
        return None
    bundle = bundles.get(wanted)
    data = bundle.get("data") if isinstance(bundle, dict) else None
    if len(bundles) != 1 or not isinstance(bundle, dict) or not isinstance(data, str):
        raise InvalidInput(f"Provenance is one attachment {wanted} with JSON text in 'data'.")
    _require_bundle(data)
    # npm counts as JavaScript does.
    length = len(data.encode("utf-16-le")) // 2
    announced = bundle.get("length", length)
    if isinstance(announced, bool) or announced != length:
        raise InvalidInput(
            f"{_BUNDLE} has {length} characters, and its 'length' says otherwise. Publish it again."
        )
    return data


def _require_bundle(data: str) -> None:
    raw = data.encode()
    if len(raw) > MAX_PROVENANCE_BYTES:
        raise TooLarge(_BUNDLE, MAX_PROVENANCE_BYTES)
    media_type = strict_json.load_object(raw, _BUNDLE).get("mediaType")
    if not isinstance(media_type, str) or not media_type.startswith(_BUNDLE_TYPE):
        raise InvalidInput(f"{_BUNDLE} needs a 'mediaType' that begins with {_BUNDLE_TYPE}.")


def _require_announced_digests(manifest: dict[str, Any], tarball: Staged) -> None:
    dist = _object(manifest, "dist") if "dist" in manifest else {}
    for member, require in (
        ("shasum", integrity.require_shasum),
        ("integrity", integrity.require_integrity),
    ):
        announced = dist.get(member)
        if announced is None:
            continue
        if not isinstance(announced, str):
            raise InvalidInput(f"dist.{member} must be a text.")
        require(announced, tarball)


def _tags(document: dict[str, Any], version: Version) -> frozenset[str]:
    tags = _object(document, "dist-tags") if "dist-tags" in document else {}
    if len(tags) > MAX_DIST_TAGS:
        raise InvalidInput(f"A publish sets at most {MAX_DIST_TAGS} tags.")
    for tag, number in tags.items():
        versions.require_tag(tag)
        if not isinstance(number, str) or versions.normalise(number) != version.key:
            raise InvalidInput(f"The tag {tag} must point at {version.key}, which is published.")
    return frozenset(tags)


def _access(document: dict[str, Any]) -> Access | None:
    access = document.get("access")
    if access is None:
        return None
    try:
        return Access(access)
    except ValueError as error:
        raise InvalidInput('\'access\' must be "public", "restricted" or null.') from error


def _revision(document: dict[str, Any]) -> str | None:
    revision = document.get("_rev")
    if revision is not None and not isinstance(revision, str):
        raise InvalidInput("'_rev' must be a text.")
    return revision


def _object(holder: dict[str, Any], member: str) -> dict[str, Any]:
    value = holder.get(member)
    if not isinstance(value, dict):
        raise InvalidInput(f"{WHAT} needs '{member}', an object.")
    return value
