"""Read a manifest and refuse what two readers could understand differently.

The bytes are kept as they are; this only finds out what they name. Config and layer media
types are anybody's own, and unknown members are allowed everywhere.

Spec: OCI image 1.1, "Image Manifest", "Image Index", "Content Descriptors"; Docker image
manifest, version 2, schema 2. Ambiguity: CVE-2021-41190.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import orjson

from app.protocols.oci.names import Digest, parse_digest
from app.protocols.oci.refusals import DigestInvalid, ManifestInvalid

LARGEST_BYTES = 4 * 1024 * 1024
"""Clients refuse to read larger ones; conformance pushes one of almost this size."""

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

EMPTY_JSON = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
"""SHA-256 of ``{}``, which artifacts name as their config and need not push."""

_IMAGES = frozenset({OCI_IMAGE, DOCKER_IMAGE})
_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_DOCKER = frozenset({DOCKER_IMAGE, DOCKER_LIST})
_SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
_DEEPEST = 64
_MOST_DESCRIPTORS = 10_000
_LARGEST_INTEGER = 2**63 - 1

Json = dict[str, Any]  # of a manifest: members of any kind


@dataclass(frozen=True, kw_only=True)
class Needed:
    """One thing that a manifest names.

    Attributes:
        is_required: it has to be there before the manifest.
    """

    digest: Digest
    size_bytes: int
    is_required: bool


@dataclass(frozen=True, kw_only=True)
class ParsedManifest:
    """What a manifest says.

    Attributes:
        blobs: config and layers.
        children: the manifests of an index.
        subject: a digest, with its algorithm; what it names may not be there.
        artifact_type: as the referrers of a subject are told apart; empty if it has none.
        annotations: its own, complete.
    """

    media_type: str
    blobs: tuple[Needed, ...]
    children: tuple[Needed, ...]
    subject: str | None
    artifact_type: str
    annotations: Json


def parse_manifest(content: bytes, content_type: str) -> ParsedManifest:
    """Read a manifest.

    Args:
        content: at most ``LARGEST_BYTES``.
        content_type: the request's, which may have parameters; empty where it has none.

    Raises:
        ManifestInvalid: the message says what is wrong.
    """
    announced = content_type.partition(";")[0].strip().lower()
    if announced in _SCHEMA_1:
        raise _schema_1()
    body = _load(content)
    media_type = _media_type(body, announced)
    if media_type in _IMAGES:
        return _image(body, media_type)
    return _index(body, media_type)


def _load(content: bytes) -> Json:
    try:
        # Stricter than Python's own reader, which alone tells what is there twice.
        orjson.loads(content)
        body = json.loads(content, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid(f"The manifest is not JSON in UTF-8: {_reason(error)}.") from error
    if not isinstance(body, dict):
        raise ManifestInvalid("The manifest is not a JSON object.")
    _require_flat(body)
    return body


def _reason(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def _without_twins(members: list[tuple[str, Any]]) -> Json:
    found = dict(members)
    if len(found) != len(members):
        raise ManifestInvalid("The manifest has an object with the same member twice.")
    return found


def _require_flat(body: Json) -> None:
    level: list[Any] = [body]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ManifestInvalid(f"The manifest is nested more than {_DEEPEST} levels deep.")


def _media_type(body: Json, announced: str) -> str:
    version = body.get("schemaVersion")
    if version == 1 and version is not True:
        raise _schema_1()
    if type(version) is not int or version != 2:  # noqa: PLR2004  the only one there is
        raise ManifestInvalid("schemaVersion has to be the number 2.")
    said = body.get("mediaType")
    if said is not None and not isinstance(said, str):
        raise ManifestInvalid("mediaType has to be a string.")
    if said is not None and announced and said != announced:
        raise ManifestInvalid(f"mediaType is {said}, but the Content-Type is {announced}.")
    found = announced or said or _guess(body)
    if found in _SCHEMA_1:
        raise _schema_1()
    if found not in _IMAGES | _INDEXES:
        raise ManifestInvalid(f"Manifests of the type {found} are not supported.")
    if found in _DOCKER and said is None:
        raise ManifestInvalid(f"mediaType is missing; a Docker manifest says {found}.")
    return found


def _guess(body: Json) -> str:
    if "manifests" in body:
        return OCI_INDEX
    if "config" in body and "layers" in body:
        return OCI_IMAGE
    raise ManifestInvalid("Neither a Content-Type nor mediaType says what the manifest is.")


def _schema_1() -> ManifestInvalid:
    return ManifestInvalid(
        "schema 1 manifests are not supported. Push schema 2 or OCI manifests with a newer client."
    )


def _image(body: Json, media_type: str) -> ParsedManifest:
    _refuse_members(body, ("manifests", "fsLayers"), "An image manifest")
    if "config" not in body:
        raise ManifestInvalid("config is missing.")
    config, config_type = _blob(body["config"], "config")
    layers = [_blob(one, f"layers[{place}]")[0] for place, one in enumerate(_array(body, "layers"))]
    return ParsedManifest(
        media_type=media_type,
        blobs=(config, *layers),
        children=(),
        subject=_subject(body),
        artifact_type=_artifact_type(body) or config_type,
        annotations=_annotations(body, "annotations"),
    )


def _index(body: Json, media_type: str) -> ParsedManifest:
    _refuse_members(body, ("layers", "config", "fsLayers"), "An index")
    children = []
    for place, one in enumerate(_array(body, "manifests")):
        descriptor = _descriptor(one, f"manifests[{place}]")
        children.append(
            Needed(
                digest=descriptor.digest,
                size_bytes=descriptor.size_bytes,
                is_required=not descriptor.has_urls,
            )
        )
    return ParsedManifest(
        media_type=media_type,
        blobs=(),
        children=tuple(children),
        subject=_subject(body),
        artifact_type=_artifact_type(body),
        annotations=_annotations(body, "annotations"),
    )


def _refuse_members(body: Json, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if name in body:
            raise ManifestInvalid(f"{what} has no {name}: another reader would take it for one.")


def _array(body: Json, name: str) -> list[Any]:
    found = body.get(name)
    if not isinstance(found, list):
        raise ManifestInvalid(f"{name} has to be an array.")
    if len(found) > _MOST_DESCRIPTORS:
        raise ManifestInvalid(f"{name} has more than {_MOST_DESCRIPTORS} entries.")
    return found


@dataclass(frozen=True, kw_only=True)
class _Descriptor:
    media_type: str
    digest: Digest
    size_bytes: int
    has_urls: bool


def _blob(raw: Any, place: str) -> tuple[Needed, str]:  # noqa: ANN401  any JSON value
    """Read a config or a layer; returns it and its media type."""
    descriptor = _descriptor(raw, place)
    lies_elsewhere = (
        descriptor.has_urls
        or "nondistributable" in descriptor.media_type
        or ".foreign." in descriptor.media_type
    )
    needed = Needed(
        digest=descriptor.digest,
        size_bytes=descriptor.size_bytes,
        is_required=not lies_elsewhere,
    )
    return needed, descriptor.media_type


def _descriptor(raw: Any, place: str) -> _Descriptor:  # noqa: ANN401  any JSON value
    if not isinstance(raw, dict):
        raise ManifestInvalid(f"{place} is no descriptor.")
    media_type = raw.get("mediaType")
    if not isinstance(media_type, str):
        raise ManifestInvalid(f"{place}.mediaType has to be a string.")
    size_bytes = raw.get("size")
    if type(size_bytes) is not int or not 0 <= size_bytes <= _LARGEST_INTEGER:
        raise ManifestInvalid(f"{place}.size has to be an integer, 0 or more.")
    digest = _digest(raw.get("digest"), place)
    urls = raw.get("urls")
    if urls is not None and not _is_list_of_strings(urls):
        raise ManifestInvalid(f"{place}.urls has to be a list of strings.")
    _annotations(raw, f"{place}.annotations")
    _check_data(raw.get("data"), digest, size_bytes, place)
    return _Descriptor(
        media_type=media_type, digest=digest, size_bytes=size_bytes, has_urls=bool(urls)
    )


def _digest(raw: object, place: str) -> Digest:
    if not isinstance(raw, str):
        raise ManifestInvalid(f"{place}.digest has to be a string.")
    try:
        return parse_digest(raw)
    except DigestInvalid as error:
        raise ManifestInvalid(f"{place}.digest: {error.message}") from error


def _check_data(data: object, digest: Digest, size_bytes: int, place: str) -> None:
    if data is None:
        return
    try:
        content = base64.b64decode(str(data) if isinstance(data, str) else "!", validate=True)
    except binascii.Error as error:
        raise ManifestInvalid(f"{place}.data is not Base64.") from error
    if len(content) != size_bytes or _hex(content, digest.algorithm) != digest.hex:
        raise ManifestInvalid(f"{place}.data is not what its size and digest say.")


def _hex(content: bytes, algorithm: str) -> str:
    return hashlib.new(algorithm, content).hexdigest()


def _subject(body: Json) -> str | None:
    raw = body.get("subject")
    return None if raw is None else str(_descriptor(raw, "subject").digest)


def _artifact_type(body: Json) -> str:
    raw = body.get("artifactType", "")
    if not isinstance(raw, str):
        raise ManifestInvalid("artifactType has to be a string.")
    return raw


def _annotations(body: Json, place: str) -> Json:
    found = body.get("annotations")
    if found is None:
        return {}
    if not isinstance(found, dict) or not _is_list_of_strings(list(found.values())):
        raise ManifestInvalid(f"{place} has to map strings to strings.")
    return found


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
