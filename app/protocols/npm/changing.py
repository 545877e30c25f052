"""What npm changes on published packages: deprecations, stars, owners, withdrawals."""

from __future__ import annotations

from app import access
from app.access import Action
from app.auth.principal import Principal
from app.errors import InvalidInput, StaleRevision
from app.protocols.npm import parsing, rendering
from app.registry import changes, deletion, package_owners
from app.registry.documents import read_snapshot
from app.registry.resolution import PackageRef

LATEST = "latest"


def expected_revision(package: PackageRef, revision: str) -> int:
    """Read a ``_rev`` that the client looked at.

    Raises:
        StaleRevision: it is not one of this package's.
    """
    return rendering.parse_revision_id(str(package.id), revision)


def deprecate(principal: Principal, package: PackageRef, change: parsing.Deprecation) -> int:
    """Apply the deprecation messages that differ; everything else is ignored.

    Raises:
        InvalidInput: it names a version that is not published: a publish without a tarball.
    """
    access.require(principal, Action.MAINTAIN, package.repository, package=package.name.normal)
    _require_published(package, frozenset(change.messages))
    revision = None
    if change.revision is not None:
        revision = expected_revision(package, change.revision)
    return changes.set_deprecations(principal, package, change.messages, expected_revision=revision)


def star(principal: Principal, package: PackageRef, change: parsing.Star) -> int:
    """Set or lift the caller's own star; others' are theirs to change."""
    return changes.set_star(principal, package, starred=principal.username in change.usernames)


def replace_owners(principal: Principal, package: PackageRef, change: parsing.Owners) -> int:
    """Replace the maintainers, known by their usernames.

    Raises:
        InvalidInput: one of them is not a user.
    """
    return changes.set_owners(
        principal,
        package,
        [package_owners.active_user(one.username) for one in change.maintainers],
        expected_revision=expected_revision(package, change.revision),
    )


def remove_versions(principal: Principal, package: PackageRef, change: parsing.Removal) -> int:
    """Withdraw the versions that the sent packument lacks, and move the tags it moves.

    Raises:
        InvalidInput: it has a version that is not published here.
    """
    access.require(principal, Action.DELETE, package.repository, package=package.name.normal)
    published = changes.published_numbers(package.id)
    added = change.kept - published
    if added:
        raise InvalidInput(f"{min(added)} is not published. Versions are added by publishing them.")
    return deletion.withdraw_versions(
        principal,
        package,
        published - change.kept,
        tags=change.tags,
        default_tag=LATEST,
        expected_revision=expected_revision(package, change.revision),
    )


def withdraw_tarball(
    principal: Principal, package: PackageRef, filename: str, *, revision: str
) -> None:
    """Withdraw the published version whose tarball this is, if there is one.

    Raises:
        StaleRevision: the package has changed since the caller looked.
    """
    number = expected_revision(package, revision)
    snapshot = read_snapshot(package.id)
    if number != snapshot.revision:
        raise StaleRevision("Document update conflict.")
    numbers = [
        row["number"]
        for row in snapshot.versions
        if any(file["filename"] == filename for file in row["files"])
    ]
    if numbers:
        deletion.withdraw_versions(
            principal, package, numbers, default_tag=LATEST, expected_revision=number
        )


def _require_published(package: PackageRef, numbers: frozenset[str]) -> None:
    added = numbers - changes.published_numbers(package.id)
    if added:
        raise InvalidInput(
            f"{min(added)} is not published. Versions are added by publishing them, with their "
            "tarball."
        )
