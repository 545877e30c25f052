"""From an image's name to its package: for pulls, pushes and deletions.

The organization is the name's first component. Within it, a new package goes to the OCI
repository whose slug is the package's first component, where more follow; else to the
organization's default OCI repository (DESIGN, "Tenants, repositories, names"). The answers
tell nobody more than they may know, whether the package is there or not: anonymous callers
are asked to sign in, a pull is told that there is nothing, a push that it is denied.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bson import ObjectId
from mongoengine import NotUniqueError

from app import access
from app.access import Action, RepositoryFacts
from app.auth.principal import Principal
from app.errors import Conflict, Forbidden, NotFound, ReadOnly, Unauthenticated
from app.extensions import coherence
from app.models import (
    BlobLink,
    Manifest,
    ManifestTag,
    OrganizationRole,
    Package,
    Repository,
    RepositoryKind,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci.grants import require_scope
from app.protocols.oci.names import PROTOCOL_NAME, ImageName
from app.protocols.oci.refusals import NameUnknown
from app.registry import resolution
from app.registry.repositories import OrganizationFacts, organization_by_slug
from app.registry.resolution import PackageRef, PublishTarget

UNUSED_REVISION = 1
"""Of a package that was made by the begin of an upload, and that no manifest was pushed to."""

_CONTENT = (ManifestTag, Manifest, BlobLink)
_BATCH = 1000
_DENIED = "requested access to the resource is denied"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a name leads, whether a package is there or not.

    Attributes:
        package: none where nothing was pushed under the name, or it was deleted.
        repository: of the package, or where it would be; none where the organization has
            no OCI repository yet.
    """

    name: ImageName
    organization: OrganizationFacts | None
    package: PackageRef | None
    repository: RepositoryFacts | None


def locate(name: ImageName) -> Place:
    """Find where a name leads, whoever asks."""
    organization = organization_by_slug(name.organization)
    if organization is None:
        return Place(name=name, organization=None, package=None, repository=None)
    package = resolution.locate(name.scope, name.shared)
    if package is not None and not package.is_deleted:
        repository: RepositoryFacts | None = package.repository
    else:
        package, repository = None, _home(organization, name)
    return Place(name=name, organization=organization, package=package, repository=repository)


def for_pull(principal: Principal, name: ImageName) -> PackageRef:
    """Find a package for a caller who may pull it.

    Raises:
        Unauthenticated: anonymous, and it is not public or not there; or the bearer is for
            something else.
        NameUnknown: there is none for this caller.
        Forbidden: the token is not for this.
    """
    place = require_pull(principal, name)
    if place.package is None:
        raise Unauthenticated if principal.is_anonymous else NameUnknown(name)
    return place.package


def require_pull(principal: Principal, name: ImageName) -> Place:
    """Make sure that a caller may pull what has this name, or would have it.

    Raises:
        Unauthenticated, NameUnknown, Forbidden: as for :func:`for_pull`.
    """
    place = locate(name)
    try:
        _require(principal, Action.READ, place)
    except NotFound as error:
        raise NameUnknown(name) from error
    require_scope(principal, name, "pull")
    return place


def may_pull(principal: Principal, name: ImageName, package: PackageRef) -> bool:
    """Whether a caller may read a package, by their own rights and their token's limits."""
    return access.may(principal, Action.READ, package.repository, package=name.package)


def for_delete(principal: Principal, name: ImageName) -> PackageRef:
    """Find a package for a caller who may delete from it.

    Raises:
        Unauthenticated: anonymous, or the bearer is for something else.
        Forbidden: they may not, or may not know whether it is there.
        NameUnknown: there is none.
    """
    place = locate(name)
    with _denying():
        _require(principal, Action.DELETE, place)
    require_scope(principal, name, "delete")
    if place.package is None:
        raise NameUnknown(name)
    _require_hosted(place.package.repository)
    return place.package


def require_push(principal: Principal, name: ImageName) -> Place:
    """Make sure that a caller may push to what has this name, or would have it.

    Raises:
        Unauthenticated: anonymous, or the bearer is for something else.
        Forbidden: they may not.
        ReadOnly: the repository takes no pushes.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    place = locate(name)
    with _denying():
        _require(principal, Action.PUBLISH, place)
    require_scope(principal, name, "push")
    if place.repository is not None:
        _require_hosted(place.repository)
    return place


def ensure_package(principal: Principal, place: Place) -> PackageRef:
    """Return the package of a place, for a caller who may push there; the first push makes it.

    Its repository too, where the organization has none.
    """
    return place.package or _create(principal, place)


def grantable(principal: Principal, name: ImageName) -> frozenset[str]:
    """Return which of ``pull push delete`` a caller may do under a name."""
    place = locate(name)
    return frozenset(
        verb
        for verb, action in (
            ("pull", Action.READ),
            ("push", Action.PUBLISH),
            ("delete", Action.DELETE),
        )
        if _may(principal, action, place)
    )


def _home(organization: OrganizationFacts, name: ImageName) -> RepositoryFacts | None:
    """Return the repository that a new package goes to; none where one has to be made."""
    repositories = organization.of(PROTOCOL_NAME)
    by_slug = {one.name: one for one in repositories}
    named = by_slug.get(name.first_component or "")
    if named is not None:
        return named
    hosted = [one for one in repositories if one.kind is RepositoryKind.HOSTED]
    default = by_slug.get(PROTOCOL_NAME)
    return default if default in hosted else next(iter(hosted), None)


def _require(principal: Principal, action: Action, place: Place) -> None:
    if place.repository is not None:
        access.require(principal, action, place.repository, package=place.name.package)
        return
    if principal.is_anonymous:
        raise Unauthenticated
    if place.organization is None:
        raise NotFound
    # There is nothing to have a role on yet; who administers the organization will have one.
    if not _administers(principal, place.organization):
        raise NotFound
    access.require_token_allows(principal, action, PROTOCOL_NAME, place.organization.id)


def _may(principal: Principal, action: Action, place: Place) -> bool:
    if place.repository is not None:
        return access.may(principal, action, place.repository, package=place.name.package)
    try:
        _require(principal, action, place)
    except (Unauthenticated, Forbidden, NotFound):
        return False
    return True


def _administers(principal: Principal, organization: OrganizationFacts) -> bool:
    role = access.organization_role(principal, organization.id)
    return role in {OrganizationRole.OWNER, OrganizationRole.ADMIN}


@contextmanager
def _denying() -> Iterator[None]:
    """Say "denied" where a read would be told that there is nothing."""
    try:
        yield
    except NotFound as error:
        raise Forbidden(_DENIED) from error


def _require_hosted(repository: RepositoryFacts) -> None:
    if repository.kind is not RepositoryKind.HOSTED:
        raise ReadOnly(f"{repository.path} is a read-only {repository.kind} repository.")


def _create(principal: Principal, place: Place) -> PackageRef:
    """Make a package's row, or revive a deleted one without what it held; others may too."""
    name = place.name
    repository = place.repository or _create_repository(principal, place)
    deleted = resolution.locate(name.scope, name.shared)
    if deleted is not None and deleted.is_deleted:
        empty(deleted.id)
    key = {
        "protocol": PROTOCOL_NAME,
        "organization": repository.organization_id,
        "name": name.package,
    }

    def work() -> None:
        _hold(repository)
        row = Package.objects(**key).first()
        if row is None:
            row = Package(**key, display_name=name.package)
        elif row.deleted_at is None:
            return
        elif _forget_some(row.id) == _BATCH:
            raise Conflict(f"{name} is just being deleted. Try again in a minute.")
        row.repository = repository.id
        row.deleted_at = None
        row.published_at = row.updated_at = now()
        row.owners = row.owners or [principal.user]
        row.revision += 1
        row.save()

    with suppress(NotUniqueError):  # Another push was faster.
        coherence.change({name.shared.tag}, lambda: in_transaction(work))
    found = resolution.locate(name.scope, name.shared)
    if found is None or found.is_deleted:
        raise NameUnknown(name)
    return found


def _hold(repository: RepositoryFacts) -> None:
    """Make sure that a repository is there until the transaction that runs has ended.

    The write makes a deletion at this moment conflict with it.
    """
    found = rows_of(Repository).update_one({"_id": repository.id}, {"$set": {"updated_at": now()}})
    if not found.matched_count:
        raise Conflict(f"{repository.path} was just deleted.")


def _create_repository(principal: Principal, place: Place) -> RepositoryFacts:
    organization = place.organization
    if organization is None:
        raise Forbidden(_DENIED)
    target = PublishTarget(
        name=place.name.shared,
        repository=RepositoryFacts(
            id=ObjectId(),
            organization_id=organization.id,
            organization_slug=organization.slug,
            name=PROTOCOL_NAME,
            protocol=PROTOCOL_NAME,
            kind=RepositoryKind.HOSTED,
            visibility=organization.default_visibility,
        ),
        creates_repository=True,
        package=None,
        claims_platform_name=False,
    )
    return resolution.create_repository(principal, target)


def empty(package_id: ObjectId) -> int:
    """Remove all that a deleted package holds, unless it is pushed to again meanwhile.

    The blobs' bytes are the collector's. Large packages take several transactions, each of
    which leaves everything right: nobody sees what a deleted package holds.

    Returns:
        How many rows went.
    """

    def work() -> int:
        # Reviving it writes to its row too.
        still_deleted = rows_of(Package).update_one(
            {"_id": package_id, "deleted_at": {"$ne": None}}, {"$inc": {"revision": 1}}
        )
        return _forget_some(package_id) if still_deleted.matched_count else 0

    count = 0
    while batch := in_transaction(work):
        count += batch
    return count


def _forget_some(package_id: ObjectId) -> int:
    """Remove up to a batch of what a package holds, within a transaction."""
    left = _BATCH
    for kind in _CONTENT:
        found = rows_of(kind).find({"package": package_id}, {"_id": 1}).limit(left)
        ids = [row["_id"] for row in found]
        rows_of(kind).delete_many({"_id": {"$in": ids}})
        left -= len(ids)
        if not left:
            break
    return _BATCH - left


def holds_content(package_id: ObjectId) -> bool:
    """Whether a package holds anything."""
    return any(
        rows_of(kind).find_one({"package": package_id}, {"_id": 1}) is not None for kind in _CONTENT
    )
