"""Make one version visible, or leave everything as it was.

The order is DESIGN's "Publish order": a claim takes the number, the bytes become an object,
the version appears together with the package's new revision and the audit event, and the
claim goes. A crash at any line leaves a claim that nobody sees; ``sweeping`` removes it.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from app.auth.principal import Principal
from app.errors import Conflict, QuotaExceeded, Unavailable
from app.extensions import store
from app.models import File, Package, Version
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import claims, quotas, showing
from app.registry.repositories import organization_by_id
from app.registry.resolution import PublishTarget, create_repository
from app.registry.uploads import Published, Upload, UploadedFile
from app.storage.keys import object_key


def publish(principal: Principal, target: PublishTarget, upload: Upload) -> Published:
    """Make one version visible to everyone, or leave the registry as it was.

    Where a version's files come one by one, those of an upload are added to it.

    Args:
        principal: was authorised by ``resolution.for_publish``, which gave ``target``.
        target: where it goes.
        upload: parsed input; its staged files are consumed.

    Raises:
        VersionExists: the number is taken; versions are immutable.
        FileExists: the version has such a file, where they come one by one.
        TooLarge: the repository takes no file as large as one of them.
        QuotaExceeded: the repository or its organization is full.
        PublishInProgress: somebody else has been publishing it for ten seconds.
        NameRefused: another organization claimed the name at this very moment.
        Conflict: the repository was deleted meanwhile.
        Forbidden: the package was archived or put in quarantine meanwhile.
        Unavailable: a service does not answer. Only where the last step's outcome is
            unknown may the version be visible all the same.
    """
    quotas.require_fits(
        target.repository, max((one.staged.size_bytes for one in upload.files), default=0)
    )
    size_bytes = sum(one.staged.size_bytes for one in upload.files)
    try:
        quotas.require_room(target.repository, size_bytes)
    except QuotaExceeded:
        _refuse_taken(target, upload)  # What is there takes no room.
        raise
    if target.creates_repository:
        repository = create_repository(principal, target)
        target = replace(target, repository=repository, creates_repository=False)
    attempt_id = uuid.uuid4().hex
    files = [_file_row(target, upload, one, attempt_id) for one in upload.files]
    keys = [one.key for one in files]
    claim = claims.take(
        _wanted(target, upload),
        claims.Attempt(id=attempt_id, keys=keys, size_bytes=size_bytes),
        refuse_taken=lambda: _refuse_taken(target, upload),
    )
    try:
        if target.package is not None:
            _refuse_taken(target, upload)
        _require_repository(target)
        store.reveal_all([(one.staged, key) for one, key in zip(upload.files, keys, strict=True)])
    except BaseException:
        claims.release(claim)
        raise
    try:
        return showing.show(showing.Ready.to_publish(principal, target, upload, claim, files))
    except DuplicateKeyError:
        claims.release(claim)
        _refuse_taken(replace(target, package=None), upload)
        raise
    except (Unavailable, PyMongoError):
        raise  # The commit may have happened: the claim is left to the sweeper.
    except Exception:
        claims.release(claim)
        raise


def _wanted(target: PublishTarget, upload: Upload) -> claims.Number:
    return claims.Number(
        name=target.name,
        organization=target.repository.organization_id,
        repository=target.repository.id,
        number=upload.number,
        display=upload.display_number,
        slot=upload.slot,
    )


def _refuse_taken(target: PublishTarget, upload: Upload) -> None:
    """Raise VersionExists or FileExists where what is to be published is there, or was."""
    package_id = _package_id(target)
    if package_id is None:
        return
    row = rows_of(Version).find_one(
        {"package": package_id, "number": upload.number}, showing.OF_TAKEN_VERSION
    )
    if row is not None:
        showing.refuse_taken(row, upload)


def _package_id(target: PublishTarget) -> ObjectId | None:
    if target.package is not None:
        return target.package.id
    row = rows_of(Package).find_one(target.package_key, {"_id": 1})
    return None if row is None else row["_id"]


def _require_repository(target: PublishTarget) -> None:
    """Make sure that the repository is there after our claim on a number in it is.

    A deletion takes claims away when the repository is gone, so that one which comes after
    this look ends our publish.
    """
    organization = organization_by_id(target.repository.organization_id)
    if organization is None or organization.by_id(target.repository.id) is None:
        raise Conflict(f"{target.repository.path} was deleted while this was published to it.")


def _file_row(target: PublishTarget, upload: Upload, file: UploadedFile, attempt: str) -> File:
    """Return a file's row; its key is ``protocol/org/package/version~attempt/filename``.

    No two attempts share a key, so that none can touch, nor be given, another's bytes.
    """
    return File(
        filename=file.filename,
        slot="" if file.derived_from else upload.slot,
        derived_from=file.derived_from,
        key=object_key(
            target.name.protocol,
            target.repository.organization_slug,
            target.name.normal,
            f"{upload.number}~{attempt}",
            file.filename,
        ),
        size_bytes=file.staged.size_bytes,
        sha256=file.staged.digests.sha256,
        sha1=file.staged.digests.sha1,
        sha512=file.staged.digests.sha512,
        md5=file.staged.digests.md5,
        blake2b_256=file.staged.digests.blake2b_256,
        media_type=file.media_type,
        facts=dict(file.facts),
        published_at=now() if upload.slot else None,
    )
