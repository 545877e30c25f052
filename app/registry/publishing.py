"""Make one version visible, or leave everything as it was.

The order is DESIGN's "Publish order": a claim takes the number, the bytes become an object,
the version appears together with the package's new revision and the audit event, and the
claim goes. A crash at any line leaves a claim that nobody sees; ``sweeping`` removes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app import audit
from app.auth.principal import Principal
from app.errors import Conflict, NameRefused, RegistryError, Unavailable, VersionExists
from app.extensions import coherence, store
from app.models import (
    DistTag,
    File,
    NameClaim,
    Package,
    Version,
    VersionState,
    in_transaction,
    similarity_key,
)
from app.models.fields import now
from app.models.rows import insert, rows_of
from app.registry import claims
from app.registry.names import PackageName
from app.registry.repositories import organization_by_id
from app.registry.resolution import PublishTarget, create_repository
from app.storage.base import ObjectExists, Staged
from app.storage.keys import object_key


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """One artifact that arrived, checked and staged."""

    filename: str
    staged: Staged
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version, parsed and checked by its protocol.

    Attributes:
        number: normal form: the key; versions equal in it are the same version.
        manifest: the protocol's own JSON about the version.
        tags: movable names to point at it.
        default_tag: is pointed at it too where the package has no such tag yet.
        facts: what the protocol's renderer wants beside the manifest, as JSON values.
    """

    name: PackageName
    number: str
    display_number: str
    files: tuple[UploadedFile, ...]
    manifest: bytes
    readme: str = ""
    summary: str = ""
    keywords: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    default_tag: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A version that everyone who may can now see."""

    package_id: ObjectId
    revision: int


def publish(principal: Principal, target: PublishTarget, upload: Upload) -> Published:
    """Make one version visible to everyone, or leave the registry as it was.

    Args:
        principal: was authorised by ``resolution.for_publish``, which gave ``target``.
        target: where it goes.
        upload: parsed input; its staged files are consumed.

    Raises:
        VersionExists: the number is taken; versions are immutable.
        PublishInProgress: somebody else has been publishing it for ten seconds.
        NameRefused: another organization claimed the name at this very moment.
        Conflict: the repository was deleted meanwhile.
        Unavailable: a service does not answer. Only where the last step's outcome is
            unknown may the version be visible all the same.
    """
    if target.creates_repository:
        repository = create_repository(principal, target)
        target = replace(target, repository=repository, creates_repository=False)
    files = [_file_row(target, upload, one) for one in upload.files]
    claim = claims.take(
        _wanted(target, upload),
        [one.key for one in files],
        refuse_taken=lambda: _refuse_taken(target, upload),
    )
    try:
        if target.package is not None:
            _refuse_taken(target, upload)
        _require_repository(target)
        _reveal(claim, files, upload)
    except BaseException:
        claims.release(claim)
        raise
    try:
        return _make_visible(principal, target, upload, claim, files)
    except Unavailable:
        raise  # The commit may have happened: the claim is left to the sweeper.
    except RegistryError:
        claims.release(claim)
        raise


def _wanted(target: PublishTarget, upload: Upload) -> claims.Number:
    return claims.Number(
        name=target.name,
        organization=target.repository.organization_id,
        repository=target.repository.id,
        number=upload.number,
        display=upload.display_number,
    )


def _refuse_taken(target: PublishTarget, upload: Upload) -> None:
    """Raise VersionExists where the number is published, or was."""
    package_id = _package_id(target)
    if package_id is None:
        return
    row = rows_of(Version).find_one(
        {"package": package_id, "number": upload.number}, {"state": 1, "display_number": 1}
    )
    if row is not None:
        raise VersionExists(
            upload.name.display,
            row["display_number"],
            is_withdrawn=row["state"] == VersionState.WITHDRAWN,
        )


def _package_id(target: PublishTarget) -> ObjectId | None:
    if target.package is not None:
        return target.package.id
    row = rows_of(Package).find_one(_package_key(target), {"_id": 1})
    return None if row is None else row["_id"]


def _require_repository(target: PublishTarget) -> None:
    """Make sure that the repository is there after our claim on a number in it is.

    A deletion takes claims away when the repository is gone, so that one which comes after
    this look ends our publish.
    """
    organization = organization_by_id(target.repository.organization_id)
    if organization is None or organization.by_id(target.repository.id) is None:
        raise Conflict(f"{target.repository.path} was deleted while this was published to it.")


def _package_key(target: PublishTarget) -> dict[str, Any]:
    return {
        "protocol": target.name.protocol,
        "organization": target.repository.organization_id,
        "name": target.name.normal,
    }


def _file_row(target: PublishTarget, upload: Upload, file: UploadedFile) -> File:
    """Return a file's row; its key is ``protocol/org/package/version/filename``."""
    return File(
        filename=file.filename,
        key=object_key(
            target.name.protocol,
            target.repository.organization_slug,
            target.name.normal,
            upload.number,
            file.filename,
        ),
        size_bytes=file.staged.size_bytes,
        sha256=file.staged.digests.sha256,
        sha1=file.staged.digests.sha1,
        sha512=file.staged.digests.sha512,
        md5=file.staged.digests.md5,
        media_type=file.media_type,
    )


def _reveal(claim: claims.Claim, files: Sequence[File], upload: Upload) -> None:
    for row, one in zip(files, upload.files, strict=True):
        try:
            store.reveal(one.staged, row.key)
        except ObjectExists:
            # An attempt that died left its bytes here. They may still be in somebody's
            # hands, so ours go elsewhere; the sweeper removes what no row names.
            directory, _, filename = row.key.rpartition("/")
            row.key = object_key(*directory.split("/"), f"~{claim.publisher}", filename)
            claims.add_key(claim, row.key)
            store.reveal(one.staged, row.key)


def _make_visible(
    principal: Principal,
    target: PublishTarget,
    upload: Upload,
    claim: claims.Claim,
    files: list[File],
) -> Published:
    moment = now()

    def work(*, looks: bool) -> Published:
        claims.finish(claim)
        row = rows_of(Package).find_one(_package_key(target)) if looks else None
        if row is not None:
            published = _add_to_package(row, principal, target, upload, moment)
        else:
            if target.claims_platform_name and not (looks and _platform_name_is_ours(target)):
                _claim_platform_name(target)
            published = _create_package(principal, target, upload, moment)
        version = Version(
            package=published.package_id,
            number=upload.number,
            display_number=upload.display_number,
            files=files,
            manifest=upload.manifest,
            readme=upload.readme,
            facts=dict(upload.facts),
            published_by=principal.user_id,
            published_at=moment,
        )
        insert(version)
        _record(principal, target, upload)
        return published

    def change(*, looks: bool) -> Published:
        return coherence.change(
            {target.name.tag}, lambda: in_transaction(lambda: work(looks=looks))
        )

    if target.package is None:
        # What was not there a moment ago is not looked up again: an index tells if it is.
        with suppress(DuplicateKeyError):
            return change(looks=False)
    try:
        return change(looks=True)
    except DuplicateKeyError as error:
        # The claim was forgotten, and another publish of the number was faster.
        raise VersionExists(upload.name.display, upload.display_number) from error


def _create_package(
    principal: Principal, target: PublishTarget, upload: Upload, moment: datetime
) -> Published:
    row = Package(
        **_package_key(target),
        repository=target.repository.id,
        display_name=target.name.display,
        revision=1,
        tags=[DistTag(name=name, number=number) for name, number in _tags({}, upload).items()],
        owners=[principal.user_id],
        latest_number=upload.number,
        summary=upload.summary,
        keywords=list(upload.keywords),
        published_at=moment,
        created_at=moment,
        updated_at=moment,
    )
    insert(row)
    return Published(package_id=row.id, revision=row.revision)


def _add_to_package(
    row: dict[str, Any],
    principal: Principal,
    target: PublishTarget,
    upload: Upload,
    moment: datetime,
) -> Published:
    """Add a version to a package that is there, if only as a tombstone.

    Raises:
        Conflict: the name was published to another repository meanwhile. Only a tombstone
            moves from one to another.
    """
    if row["repository"] != target.repository.id and row.get("deleted_at") is None:
        raise Conflict(f"{target.name.display} was just published to another repository.")
    tags = _tags({one["name"]: one["number"] for one in row.get("tags", ())}, upload)
    fields = {
        "repository": target.repository.id,
        "tags": [{"name": name, "number": number} for name, number in tags.items()],
        "published_at": moment,
        "updated_at": moment,
    }
    if not row.get("owners"):
        fields["owners"] = [principal.user_id]
    if not upload.default_tag or tags.get(upload.default_tag) == upload.number:
        fields |= {
            "latest_number": upload.number,
            "summary": upload.summary,
            "keywords": list(upload.keywords),
        }
    rows_of(Package).update_one(
        {"_id": row["_id"]},
        {"$set": fields, "$unset": {"deleted_at": ""}, "$inc": {"revision": 1}},
    )
    return Published(package_id=row["_id"], revision=row["revision"] + 1)


def _platform_name_is_ours(target: PublishTarget) -> bool:
    """Whether the flat name was claimed for us meanwhile.

    Raises:
        NameRefused: it, or one that is too similar, was claimed for others.
    """
    found = rows_of(NameClaim).find_one(
        {"protocol": target.name.protocol, "similarity_key": similarity_key(target.name.normal)}
    )
    if found is not None and found["organization"] != target.repository.organization_id:
        raise NameRefused(f"The name {target.name.display} was just taken by another organization.")
    return found is not None


def _claim_platform_name(target: PublishTarget) -> None:
    """Take the flat name for the platform scope, with the first package that has it."""
    claim = NameClaim(
        protocol=target.name.protocol,
        name=target.name.normal,
        similarity_key=similarity_key(target.name.normal),
        organization=target.repository.organization_id,
    )
    insert(claim)


def _tags(present: Mapping[str, str], upload: Upload) -> dict[str, str]:
    """Return where the tags point, the new ones in the order of their names."""
    names = set(upload.tags)
    if upload.default_tag and upload.default_tag not in present:
        names.add(upload.default_tag)
    return {**present, **dict.fromkeys(sorted(names), upload.number)}


def _record(principal: Principal, target: PublishTarget, upload: Upload) -> None:
    repository = target.repository
    audit.record(
        audit.AuditAction.PACKAGE_PUBLISH,
        actor=principal.actor,
        resource=audit.Resource(
            type="version",
            id=f"{target.name.normal}@{upload.number}",
            name=f"{target.name.display}@{upload.display_number}",
        ),
        organization=repository.organization_slug,
        repository=repository.name,
        protocol=target.name.protocol,
        details={
            "size_bytes": sum(one.staged.size_bytes for one in upload.files),
            "sha256": [one.staged.digests.sha256 for one in upload.files],
        },
    )
