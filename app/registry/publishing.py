"""Make one version visible, or leave everything as it was.

The order is DESIGN's "Publish order": the row claims the number, the bytes become an
object, the row becomes visible together with the package's new revision and the audit
event. A crash at any line leaves a claim that nobody can see; ``sweeping`` removes it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bson import ObjectId
from mongoengine import NotUniqueError

from app import audit
from app.auth.principal import Principal
from app.errors import (
    Conflict,
    NameRefused,
    PublishInProgress,
    RegistryError,
    Unavailable,
    VersionExists,
)
from app.extensions import coherence, store
from app.models import (
    DistTag,
    File,
    NameClaim,
    Package,
    Repository,
    Version,
    VersionState,
    WriteConflict,
    in_transaction,
    similarity_key,
    try_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.registry.names import PackageName
from app.registry.resolution import PublishTarget, create_repository
from app.storage.base import ObjectExists, Staged
from app.storage.keys import object_key

ABANDONED_AFTER = timedelta(minutes=2)
"""A claim older than this may be taken over: its publisher is dead or will find out."""

_OUTCOME_WAIT_SECONDS = 10.0
_OUTCOME_POLL_SECONDS = 0.05


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


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """A number that is ours to finish."""

    id: str
    package_id: ObjectId
    version_id: ObjectId
    files: list[File]
    made_package: bool
    made_name_claim: bool


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
        Unavailable: a service does not answer. Only where the last step's outcome is
            unknown may the version be visible all the same.
    """
    if target.creates_repository:
        repository = create_repository(principal, target)
        target = replace(target, repository=repository, creates_repository=False)
    claim = _claim(target, upload)
    try:
        _reveal(claim, upload)
    except BaseException:
        _release(claim)
        raise
    try:
        return _make_visible(principal, target, upload, claim)
    except Unavailable:
        raise  # The commit may have happened: the claim is left to the sweeper.
    except RegistryError:
        _release(claim)
        raise


def _claim(target: PublishTarget, upload: Upload) -> _Claim:
    """Take the number, waiting for whoever holds it to finish or fail."""
    deadline = time.monotonic() + _OUTCOME_WAIT_SECONDS
    while True:
        holder = _holder(target, upload)
        if holder is None:
            # Of many that see the number free one gets it; the others look again, and do
            # not run into each other a second time.
            with suppress(NotUniqueError, WriteConflict):
                return _insert_claim(target, upload)
        elif holder["claimed_at"] < now() - ABANDONED_AFTER:
            taken_over = _take_over(holder, target, upload)
            if taken_over is not None:
                return taken_over
        if time.monotonic() > deadline:
            raise PublishInProgress(upload.name.display, upload.display_number)
        time.sleep(_OUTCOME_POLL_SECONDS)


def _holder(target: PublishTarget, upload: Upload) -> dict[str, Any] | None:
    """Return the claim of whoever is publishing this number; none where it is free.

    Raises:
        VersionExists: it is published, or was.
    """
    package = rows_of(Package).find_one(_package_key(target), {"_id": 1})
    if package is None:
        return None
    row = rows_of(Version).find_one(
        {"package": package["_id"], "number": upload.number},
        {"package": 1, "state": 1, "claim_id": 1, "claimed_at": 1, "display_number": 1},
    )
    if row is not None and row["state"] != VersionState.CLAIMED:
        raise VersionExists(
            upload.name.display,
            row["display_number"],
            is_withdrawn=row["state"] == VersionState.WITHDRAWN,
        )
    return row


def _insert_claim(target: PublishTarget, upload: Upload) -> _Claim:
    claim_id = uuid.uuid4().hex
    files = _file_rows(target, upload, "")
    version = Version(
        number=upload.number,
        display_number=upload.display_number,
        claim_id=claim_id,
        files=files,
        claimed_at=now(),
    )
    if target.package is not None and target.package.was_published:
        version.package = target.package.id
        version.save(force_insert=True)
        return _Claim(
            id=claim_id,
            package_id=target.package.id,
            version_id=version.id,
            files=files,
            made_package=False,
            made_name_claim=False,
        )

    def work() -> _Claim:
        package_id, made_package = _ensure_package(target)
        made_name_claim = _ensure_name_claim(target)
        version.package = package_id
        version.save(force_insert=True)
        return _Claim(
            id=claim_id,
            package_id=package_id,
            version_id=version.id,
            files=files,
            made_package=made_package,
            made_name_claim=made_name_claim,
        )

    return try_transaction(work)


def _ensure_package(target: PublishTarget) -> tuple[ObjectId, bool]:
    """Return the package's row, made invisible where there was none."""
    repository = target.repository
    key = _package_key(target)
    # The write makes a sweep that removes the row at this moment conflict with us.
    found = rows_of(Package).find_one_and_update(key, {"$set": {"updated_at": now()}})
    if found is not None:
        if found["repository"] != repository.id and found.get("deleted_at") is None:
            raise _elsewhere(target)
        return found["_id"], False
    row = Package(
        **key, repository=repository.id, display_name=target.name.display, created_at=now()
    )
    row.save(force_insert=True)
    return row.id, True


def _ensure_name_claim(target: PublishTarget) -> bool:
    if not target.claims_platform_name:
        return False
    key = {"protocol": target.name.protocol, "similarity_key": similarity_key(target.name.normal)}
    found = rows_of(NameClaim).find_one(key)
    if found is None:
        NameClaim(
            **key, name=target.name.normal, organization=target.repository.organization_id
        ).save(force_insert=True)
        return True
    if found["organization"] != target.repository.organization_id:
        raise NameRefused(f"The name {target.name.display} was just taken by another organization.")
    return False


def _take_over(holder: dict[str, Any], target: PublishTarget, upload: Upload) -> _Claim | None:
    """Take an abandoned claim over; none where somebody else was faster."""
    claim_id = uuid.uuid4().hex
    files = _file_rows(target, upload, claim_id)
    taken = Version.objects(
        id=holder["_id"], state=VersionState.CLAIMED, claim_id=holder["claim_id"]
    ).update_one(
        set__claim_id=claim_id,
        set__claimed_at=now(),
        set__files=files,
        set__display_number=upload.display_number,
        inc__attempt=1,
    )
    if not taken:
        return None
    return _Claim(
        id=claim_id,
        package_id=holder["package"],
        version_id=holder["_id"],
        files=files,
        made_package=False,
        made_name_claim=False,
    )


def _package_key(target: PublishTarget) -> dict[str, Any]:
    return {
        "protocol": target.name.protocol,
        "organization": target.repository.organization_id,
        "name": target.name.normal,
    }


def _file_rows(target: PublishTarget, upload: Upload, attempt: str) -> list[File]:
    return [
        File(
            filename=one.filename,
            key=_object_key(target, upload, one.filename, attempt),
            size_bytes=one.staged.size_bytes,
            sha256=one.staged.digests.sha256,
            sha1=one.staged.digests.sha1,
            sha512=one.staged.digests.sha512,
            md5=one.staged.digests.md5,
            media_type=one.media_type,
        )
        for one in upload.files
    ]


def _object_key(target: PublishTarget, upload: Upload, filename: str, attempt: str) -> str:
    """Return where an artifact goes: ``protocol/org/package/version/filename``.

    A later attempt has a place of its own, so that a publisher that was thought dead can
    never touch, nor be given, another's bytes.
    """
    parts = [
        target.name.protocol,
        target.repository.organization_slug,
        target.name.normal,
        upload.number,
    ]
    if attempt:
        parts.append(f"~{attempt}")
    return object_key(*parts, filename)


def _reveal(claim: _Claim, upload: Upload) -> None:
    for row, one in zip(claim.files, upload.files, strict=True):
        try:
            store.reveal(one.staged, row.key)
        except ObjectExists:
            # An attempt that died left its bytes here. They may still be in somebody's
            # hands, so ours go elsewhere; the sweeper removes what no row names.
            directory, _, filename = row.key.rpartition("/")
            row.key = object_key(*directory.split("/"), f"~{claim.id}", filename)
            _record_files(claim)
            store.reveal(one.staged, row.key)


def _record_files(claim: _Claim) -> None:
    kept = Version.objects(id=claim.version_id, claim_id=claim.id).update_one(
        set__files=claim.files
    )
    if not kept:
        raise Conflict("This publish took too long and another one took its place.")


def _make_visible(
    principal: Principal, target: PublishTarget, upload: Upload, claim: _Claim
) -> Published:
    moment = now()

    def work() -> Published:
        flipped = Version.objects(
            id=claim.version_id, claim_id=claim.id, state=VersionState.CLAIMED
        ).update_one(
            set__state=VersionState.PUBLISHED,
            set__published_at=moment,
            set__published_by=principal.user_id,
            set__manifest=upload.manifest,
            set__readme=upload.readme,
            set__facts=dict(upload.facts),
        )
        if not flipped:
            raise Conflict("This publish took too long and another one took its place.")
        package: Package = Package.objects(id=claim.package_id).get()
        _place(package, target)
        _point_tags(package, upload)
        package.revision += 1
        package.published_at = moment
        package.updated_at = moment
        package.deleted_at = None
        if _is_default(package, upload):
            package.latest_number = upload.number
            package.summary = upload.summary
            package.keywords = list(upload.keywords)
        if not package.owners:
            package.owners = [principal.user_id]
        package.save()
        _record(principal, target, upload)
        return Published(package_id=package.id, revision=package.revision)

    return coherence.change({target.name.tag}, lambda: in_transaction(work))


def _place(package: Package, target: PublishTarget) -> None:
    """Put a package where its publish goes; only a tombstone moves from one to another.

    Raises:
        Conflict: the repository was deleted, or the name published elsewhere, meanwhile.
    """
    if Repository.objects(id=target.repository.id).first() is None:
        raise Conflict(f"{target.repository.path} was deleted while this was published to it.")
    is_visible = package.published_at is not None and package.deleted_at is None
    if is_visible and package.repository.id != target.repository.id:
        raise _elsewhere(target)
    package.repository = target.repository.id


def _elsewhere(target: PublishTarget) -> Conflict:
    return Conflict(f"{target.name.display} was just published to another repository.")


def _point_tags(package: Package, upload: Upload) -> None:
    tags = {one.name: one for one in package.tags}
    names = set(upload.tags)
    if upload.default_tag and upload.default_tag not in tags:
        names.add(upload.default_tag)
    for name in sorted(names):
        tags[name] = DistTag(name=name, number=upload.number)
    package.tags = list(tags.values())


def _is_default(package: Package, upload: Upload) -> bool:
    """Whether the version now speaks for the package, in searches and on pages."""
    if not upload.default_tag:
        return True
    return any(
        one.name == upload.default_tag and one.number == upload.number for one in package.tags
    )


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


def _release(claim: _Claim) -> None:
    """Undo a claim whose publish failed; what cannot be undone now, the sweeper does."""
    with suppress(Exception):
        for row in claim.files:
            store.delete(row.key)
        released = Version.objects(
            id=claim.version_id, claim_id=claim.id, state=VersionState.CLAIMED
        ).delete()
        if released and (claim.made_package or claim.made_name_claim):
            forget_unpublished(claim.package_id)


def forget_unpublished(package_id: ObjectId) -> bool:
    """Remove a package that never had a visible version, and its claim on the name.

    Returns:
        Whether it was removed; not where a version, even a claimed one, exists.
    """

    def work() -> bool:
        package = Package.objects(id=package_id, published_at=None).first()
        if package is None or Version.objects(package=package_id).first() is not None:
            return False
        NameClaim.objects(
            protocol=package.protocol,
            name=package.name,
            organization=package.organization.id,
        ).delete()
        # The write makes a publish that inserts a version meanwhile conflict with this one.
        return bool(Package.objects(id=package_id, published_at=None).delete())

    return in_transaction(work)
