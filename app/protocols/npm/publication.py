"""From a checked publish document to a version of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.auth.principal import Principal
from app.errors import Forbidden
from app.models import Visibility
from app.offload import off_hub
from app.protocols.npm import archives, integrity, keys, manifests, parsing
from app.registry import publishing
from app.registry.resolution import PublishTarget
from app.registry.uploads import Published, Upload, UploadedFile

LATEST = "latest"
_LONGEST_SUMMARY = 1000
_LONGEST_KEYWORD = 100
_MOST_KEYWORDS = 100


def publish(principal: Principal, target: PublishTarget, change: parsing.Publish) -> Published:
    """Publish what the client sent, described by what its tarball holds.

    Raises:
        InvalidInput: the tarball is damaged, dangerous, or of another name or version.
        Forbidden: it asks for a visibility that the repository does not have.
        VersionExists: the version is taken.
    """
    _require_possible_access(target, change)
    with change.tarball.open() as file:
        found = off_hub(archives.inspect_tarball, file)
    manifest = manifests.build_manifest(
        found,
        change,
        publisher=manifests.Publisher(username=principal.username, email=principal.email),
    )
    signature = keys.signing_key().sign(
        change.name.full,
        change.version.key,
        integrity.integrity_of(change.tarball.digests.sha512),
    )
    facts: dict[str, Any] = {
        "file_count": found.file_count,
        "unpacked_size": found.unpacked_size,
        "signatures": [signature],
        "signed_at": datetime.now(UTC),
    }
    if change.provenance is not None:
        facts["provenance"] = change.provenance
    upload = Upload(
        name=target.name,
        number=change.version.key,
        display_number=change.version.text,
        files=(
            UploadedFile(filename=change.name.tarball(change.version.key), staged=change.tarball),
        ),
        manifest=orjson.dumps(manifest),
        readme=found.readme,
        summary=str(manifest.get("description") or "")[:_LONGEST_SUMMARY],
        keywords=_keywords(manifest),
        tags=change.tags,
        default_tag=LATEST,
        facts=facts,
    )
    return publishing.publish(principal, target, upload)


def _keywords(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the package is found by; its manifest keeps all that its author wrote."""
    words = [one for one in manifest.get("keywords", ()) if len(one) <= _LONGEST_KEYWORD]
    return tuple(words[:_MOST_KEYWORDS])


def _require_possible_access(target: PublishTarget, change: parsing.Publish) -> None:
    """Refuse ``--access public`` where readers would not find the package public.

    ``restricted`` is what yarn sends for every scoped package, so it is no demand.
    """
    if change.access is not parsing.Access.PUBLIC:
        return
    if target.repository.visibility is not Visibility.PUBLIC:
        raise Forbidden(
            f"The repository {target.repository.path} is {target.repository.visibility}, so "
            f"{target.name.display} cannot be public. Publish without --access public, or have "
            "the repository's visibility changed."
        )
