"""Make versions visible: the last step of a publish, which many share.

Everything that a version needs is in place by then: its claim is held, its bytes are objects. One
transaction under the fence adds the version, its package or the package's new revision, and the
audit event, and removes the claim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, WriteError

from app import audit
from app.auth.principal import Principal
from app.errors import (
    Conflict,
    FileExists,
    Forbidden,
    NameRefused,
    UnprocessableInput,
    VersionExists,
)
from app.extensions import coherence, group_commit
from app.models import (
    DistTag,
    File,
    NameClaim,
    Package,
    PackageStatus,
    Version,
    VersionState,
    in_transaction,
    similarity_key,
)
from app.models.fields import now
from app.models.rows import insert, rows_of
from app.registry import claims, listings
from app.registry.formats import format_of
from app.registry.group_commit import GroupCommit
from app.registry.listings import ListedChange
from app.registry.resolution import PublishTarget
from app.registry.search_terms import terms_of
from app.registry.uploads import Published, Upload

_ROW_IS_FULL = frozenset({10334, 17419})
"""What MongoDB says where a row would have more than 16 MiB."""

_TOO_LARGE = "object to insert too large"
"""Likewise, of a new row: its code says only that it is a bad value."""

_CLOSED = frozenset({PackageStatus.ARCHIVED, PackageStatus.QUARANTINED})

OF_TAKEN_VERSION = {
    "state": 1,
    "number": 1,
    "display_number": 1,
    "is_yanked": 1,
    "files.filename": 1,
    "files.slot": 1,
    "files.sha256": 1,
}
"""What :func:`refuse_taken` has to know of a version's row."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A version of which all is there but the rows that show it.

    Attributes:
        event: says who published it in which request; others may write it down.
        looks_again: what was not there when the request came may be there by now.
    """

    target: PublishTarget
    upload: Upload
    claim: claims.Claim
    files: list[File]
    user_id: ObjectId | None
    event: audit.AuditEvent
    moment: datetime
    looks_again: bool = False

    @classmethod
    def to_publish(
        cls,
        principal: Principal,
        target: PublishTarget,
        upload: Upload,
        claim: claims.Claim,
        files: list[File],
    ) -> Self:
        """Say what is ready to be published by the request that runs."""
        return cls(
            target=target,
            upload=upload,
            claim=claim,
            files=files,
            user_id=principal.user_id,
            event=_event(principal, target, upload),
            moment=now(),
        )

    @property
    def looks(self) -> bool:
        """Whether the package's row is looked up: an index tells the others if it is there."""
        return self.looks_again or self.target.package is not None


def show(ready: Ready) -> Published:
    """Show a version, together with others that are ready at the same moment.

    Raises:
        DuplicateKeyError: the number is published: the claim on it was forgotten.
        Conflict, NameRefused: as for ``publishing.publish``.
        Unavailable: whether it happened is unknown.
    """
    try:
        published: Published = group_commit.commit(ready)
    except DuplicateKeyError:
        pass  # What was not there when the request came is there by now.
    else:
        return published
    return _show_all([replace(ready, looks_again=True)])[0]


def refuse_taken(row: Mapping[str, Any], upload: Upload) -> None:
    """Refuse what is published already, or was.

    Args:
        row: of the version with the upload's number, at least as ``OF_TAKEN_VERSION`` says.
        upload: what is to be published.

    Raises:
        VersionExists: the version is complete, or withdrawn.
        FileExists: its files come one by one, and one is there.
    """
    sent = {one.staged.digests.sha256 for one in upload.files if not one.derived_from}
    is_hidden = bool(row.get("is_yanked")) and format_of(upload.name.protocol).hides_yanked
    is_withdrawn = row["state"] == VersionState.WITHDRAWN or is_hidden
    if is_withdrawn or not upload.slot:
        raise VersionExists(
            upload.name.display,
            row["display_number"],
            is_withdrawn=is_withdrawn,
            is_identical=not is_withdrawn and sent == {one["sha256"] for one in row["files"]},
        )
    for one in row["files"]:
        if one.get("slot") == upload.slot:
            raise FileExists(
                one["filename"],
                is_identical=one["sha256"] in sent and one["filename"] == upload.files[0].filename,
            )


def require_open(row: Mapping[str, Any]) -> None:
    """Refuse files for a project whose status says that it takes none (PEP 792).

    Args:
        row: the package's; its status ended where it is a tombstone.

    Raises:
        Forbidden: it is archived or in quarantine.
    """
    status = row.get("status")
    if row.get("deleted_at") is None and status in _CLOSED:
        because = f" ({row['status_reason']})" if row.get("status_reason") else ""
        raise Forbidden(
            f"The project {row['display_name']} is {status}{because} and takes no uploads."
        )


def _show_all(group: Sequence[Ready]) -> list[Published]:
    """Make versions of different packages visible, or none of them.

    Raises:
        DuplicateKeyError: a package, a claim on a flat name or a version that did not seem to
            be there is there.
        VersionExists, FileExists: as for :func:`refuse_taken`.
        Conflict: a claim was lost, or a package published to another repository.
        NameRefused: another organization has claimed a flat name.
    """

    def work() -> list[Published]:
        claims.finish([one.claim for one in group])
        changes = [
            _Change(one, row, None if row is None else _begun_version(one, row))
            for one, row in zip(group, _present(group), strict=True)
        ]
        claiming = [one for one in changes if one.claims_name()]
        insert([one.name_claim() for one in claiming])
        insert([one.new_package() for one in changes if one.row is None])
        _update(Package, [one.package_update() for one in changes if one.row is not None])
        _insert_versions([one.version() for one in changes if one.begun is None])
        _update(Version, [one.version_update() for one in changes if one.begun is not None])
        audit.record_all([one.event for one in group])
        _list(changes, {one.new_id for one in claiming})
        return [one.published for one in changes]

    tags = {one.target.name.tag for one in group}.union(
        *(listings.tags_to_publish(one.target) for one in group)
    )
    taken_at = max(one.claim.taken_at for one in group)
    return coherence.change(tags, lambda: in_transaction(work, after=taken_at))


def create_group_commit() -> GroupCommit[Ready, Published]:
    """Return what the publishes of one process share."""
    return GroupCommit(_show_all, key=lambda one: one.target.name.tag)


def _present(group: Sequence[Ready]) -> list[dict[str, Any] | None]:
    """Return the packages' rows; none for what is not there, or did not seem to be."""
    wanted = [one.target.package_key for one in group if one.looks]
    if not wanted:
        return [None] * len(group)
    found: dict[tuple[Any, ...], dict[str, Any]] = {
        (row["protocol"], row["organization"], row["name"]): row
        for row in rows_of(Package).find({"$or": wanted} if len(wanted) > 1 else wanted[0])
    }
    return [found.get(tuple(one.target.package_key.values())) for one in group]


def _begun_version(ready: Ready, package: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the row of the version that gets another file; none where this is its first.

    Raises:
        VersionExists, FileExists: as for :func:`refuse_taken`.
    """
    upload = ready.upload
    if not upload.slot:
        return None  # It is complete, or the unique index says that it is there.
    row = rows_of(Version).find_one(
        {"package": package["_id"], "number": upload.number}, OF_TAKEN_VERSION
    )
    if row is not None:
        refuse_taken(row, upload)
    return row


def _insert_versions(versions: Sequence[Version]) -> None:
    """Add versions; one that no row can hold is refused, and keeps nobody else from theirs."""
    try:
        insert(versions)
    except (WriteError, BulkWriteError, DocumentTooLarge) as error:
        if not _is_too_large(error):
            raise
        raise UnprocessableInput("The version says more about itself than can be kept.") from error


def _is_too_large(error: WriteError | BulkWriteError | DocumentTooLarge) -> bool:
    """Whether a row is too large: to MongoDB, or so large that pymongo does not even send it."""
    if isinstance(error, DocumentTooLarge):
        return True
    first = ((error.details or {}).get("writeErrors") or [error.details or {}])[0]
    return _TOO_LARGE in first.get("errmsg", "")


def _update(kind: type[Package | Version], updates: Sequence[UpdateOne]) -> None:
    if not updates:
        return
    try:
        rows_of(kind).bulk_write(updates)
    except BulkWriteError as error:
        if error.details["writeErrors"][0]["code"] not in _ROW_IS_FULL:
            raise
        raise Conflict(
            "The version has as many files as one can have. Publish the next one."
        ) from error


def _list(changes: Sequence[_Change], claiming: Collection[ObjectId]) -> None:
    """Let lists know; ``claiming`` are the new packages that have just got a flat name."""
    by_protocol: dict[str, list[ListedChange]] = {}
    for one in changes:
        change = one.listed(claims_name=one.new_id in claiming)
        by_protocol.setdefault(one.ready.target.name.protocol, []).append(change)
    for protocol, listed in by_protocol.items():
        listings.record(protocol, listed)


@dataclass(frozen=True)
class _Change:
    """What becomes visible with one version, beside the row of its package as it is.

    Attributes:
        begun: the row of the version, where it is there and gets another file.
    """

    ready: Ready
    row: dict[str, Any] | None
    begun: dict[str, Any] | None
    new_id: ObjectId = field(default_factory=ObjectId)

    @property
    def published(self) -> Published:
        if self.row is None:
            return Published(package_id=self.new_id, revision=1)
        return Published(package_id=self.row["_id"], revision=self.row["revision"] + 1)

    def version(self) -> Version:
        upload = self.ready.upload
        return Version(
            package=self.published.package_id,
            number=upload.number,
            display_number=upload.display_number,
            files=self.ready.files,
            manifest=upload.manifest,
            readme=upload.readme,
            facts=dict(upload.facts),
            published_by=self.ready.user_id,
            published_at=self.ready.moment,
        )

    def version_update(self) -> UpdateOne:
        """Add the files to a version that is there."""
        files = [one.to_mongo() for one in self.ready.files]
        return UpdateOne({"_id": (self.begun or {})["_id"]}, {"$push": {"files": {"$each": files}}})

    def listed(self, *, claims_name: bool) -> ListedChange:
        """Say what a list may show of it."""
        target, row = self.ready.target, self.row
        return ListedChange(
            package=self.published.package_id,
            organization=target.repository.organization_id,
            repository=target.repository.id,
            name=target.name.normal,
            display=target.name.display,
            is_renamed=row is None
            or row.get("deleted_at") is not None
            or row["display_name"] != target.name.display,
            claims_name=claims_name,
            added=() if self.begun is not None else (self.ready.upload.display_number,),
        )

    def new_package(self) -> Package:
        target, upload, moment = self.ready.target, self.ready.upload, self.ready.moment
        tags = _tags({}, upload)
        return Package(
            **target.package_key,
            id=self.new_id,
            repository=target.repository.id,
            display_name=target.name.display,
            revision=1,
            tags=[DistTag(name=name, number=number) for name, number in tags.items()],
            owners=[self.ready.user_id],
            latest_number=upload.number,
            latest_display=upload.display_number,
            summary=upload.summary,
            keywords=list(upload.keywords),
            terms=self._terms(),
            published_at=moment,
            created_at=moment,
            updated_at=moment,
        )

    def package_update(self) -> UpdateOne:
        """Add the version to a package that is there, if only as a tombstone.

        Raises:
            Conflict: the name was published to another repository meanwhile. Only a tombstone
                moves from one to another.
            Forbidden: as for :func:`require_open`.
        """
        row, target, upload = self.row or {}, self.ready.target, self.ready.upload
        require_open(row)
        if row["repository"] != target.repository.id and row.get("deleted_at") is None:
            raise Conflict(f"{target.name.display} was just published to another repository.")
        tags = _tags({one["name"]: one["number"] for one in row.get("tags", ())}, upload)
        fields: dict[str, Any] = {
            "repository": target.repository.id,
            "display_name": target.name.display,
            "tags": [{"name": name, "number": number} for name, number in tags.items()],
            "published_at": self.ready.moment,
            "updated_at": self.ready.moment,
        }
        if not row.get("owners"):
            fields["owners"] = [self.ready.user_id]
        if self._speaks_for_package(tags):
            fields["latest_number"] = upload.number
            fields["latest_display"] = upload.display_number
            fields["summary"] = upload.summary
            fields["keywords"] = list(upload.keywords)
        if "summary" in fields or not row.get("terms"):  # a tombstone has none
            fields["terms"] = self._terms()
        gone = {"deleted_at": ""}
        if row.get("deleted_at") is not None:  # It is another project of the same name.
            gone |= {"status": "", "status_reason": "", "alternate_locations": ""}
        return UpdateOne(
            {"_id": row["_id"]},
            {"$set": fields, "$unset": gone, "$inc": {"revision": 1}},
        )

    def _speaks_for_package(self, tags: Mapping[str, str]) -> bool:
        upload, before = self.ready.upload, (self.row or {}).get("latest_number")
        if upload.default_tag:
            return tags.get(upload.default_tag) == upload.number
        precedence = format_of(self.ready.target.name.protocol).precedence
        if precedence is None or not before:
            return True
        ours = (not (self.begun or {}).get("is_yanked"), precedence(upload.number))
        return bool(ours >= (not self._is_yanked(before), precedence(before)))

    def _is_yanked(self, number: str) -> bool:
        where = {"package": self.published.package_id, "number": number}
        row = rows_of(Version).find_one(where, {"is_yanked": 1})
        return bool((row or {}).get("is_yanked"))

    def _terms(self) -> list[str]:
        upload = self.ready.upload
        return terms_of(self.ready.target.name.display, upload.summary, upload.keywords)

    def claims_name(self) -> bool:
        """Whether a flat name is taken for the platform scope, with its first package.

        Raises:
            NameRefused: it, or one that is too similar, was taken for others meanwhile.
        """
        target = self.ready.target
        if self.row is not None or not target.claims_platform_name:
            return False
        if not self.ready.looks:
            return True
        key = similarity_key(target.name.normal)
        found = rows_of(NameClaim).find_one(
            {"protocol": target.name.protocol, "similarity_key": key}
        )
        if found is not None and found["organization"] != target.repository.organization_id:
            raise NameRefused(
                f"The name {target.name.display} was just taken by another organization."
            )
        return found is None

    def name_claim(self) -> NameClaim:
        target = self.ready.target
        return NameClaim(
            protocol=target.name.protocol,
            name=target.name.normal,
            similarity_key=similarity_key(target.name.normal),
            organization=target.repository.organization_id,
        )


def _tags(present: Mapping[str, str], upload: Upload) -> dict[str, str]:
    """Return where the tags point, the new ones in the order of their names."""
    names = set(upload.tags)
    if upload.default_tag and upload.default_tag not in present:
        names.add(upload.default_tag)
    return {**present, **dict.fromkeys(sorted(names), upload.number)}


def _event(principal: Principal, target: PublishTarget, upload: Upload) -> audit.AuditEvent:
    repository = target.repository
    return audit.describe(
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
            "files": [one.filename for one in upload.files if not one.derived_from],
        },
    )
