"""Repositories: made, found, changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from mongoengine import NotUniqueError

from app import access, audit
from app.access import Action, RepositoryFacts
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal
from app.errors import Conflict, NotFound, Unauthenticated, UnprocessableInput
from app.extensions import coherence
from app.models import (
    OrganizationRole,
    Package,
    Repository,
    RepositoryKind,
    RepositorySettings,
    Visibility,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import organizations
from app.registry.formats import format_of, served_formats
from app.registry.listing import Page, PageRequest, Row, slice_page
from app.registry.repositories import (
    OrganizationFacts,
    hold_organization,
    organization_by_id,
    organization_tag,
)
from app.registry.slugs import require_slug

NO_PROXIES = "Proxy repositories are not available in this version."


@dataclass(frozen=True, kw_only=True)
class RepositorySettingsContent:
    """What a repository's admins decide; an absent value means the platform's default."""

    max_file_bytes: int | None = None
    quota_bytes: int | None = None
    allow_redeploy: bool = False
    immutable_tags: tuple[str, ...] = ()
    allow_sparse_index: bool = False
    auth_required: bool | None = None


@dataclass(frozen=True, kw_only=True)
class NewRepository:
    """A repository to be made.

    Attributes:
        visibility: the organization's default where there is none.
        members: of a group: repository ids, in the order in which they are read.
    """

    name: str
    protocol: str
    kind: RepositoryKind = RepositoryKind.HOSTED
    visibility: Visibility | None = None
    description: str = ""
    members: tuple[str, ...] = ()
    settings: RepositorySettingsContent = field(default_factory=RepositorySettingsContent)


@dataclass(frozen=True, kw_only=True)
class RepositoryContent:
    """What a repository is to be.

    Attributes:
        protocol, kind: cannot change; said again, they must be the same.
        settings: none leaves them as they are.
    """

    name: str
    visibility: Visibility
    description: str = ""
    protocol: str | None = None
    kind: RepositoryKind | None = None
    members: tuple[str, ...] = ()
    settings: RepositorySettingsContent | None = None


@dataclass(frozen=True, kw_only=True)
class RepositoryView:
    """A repository as it is shown; ``organization`` is the slug."""

    id: str
    organization_id: str
    organization: str
    name: str
    protocol: str
    kind: RepositoryKind
    visibility: Visibility
    description: str
    members: tuple[str, ...]
    settings: RepositorySettingsContent
    created_at: datetime
    updated_at: datetime


RepositoryEdit = Callable[[RepositoryView], RepositoryContent]


def find(
    principal: Principal,
    repository: str,
    action: Action,
    *,
    organization: OrganizationFacts | None = None,
    door: str = MANAGEMENT,
) -> RepositoryFacts:
    """Return a repository, for a caller who may do this to it.

    Args:
        principal: who asks.
        repository: its id, or its name where the organization is given.
        action: what they want to do.
        organization: where to look; none for everywhere.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated: anonymous, and there is none that is public.
        NotFound: there is none for this caller.
        Forbidden: they may read it, but not do this.
    """
    found = _by_id(repository) if organization is None else _within(organization, repository)
    if found is None:
        raise Unauthenticated if principal.is_anonymous else NotFound
    access.require(principal, action, found, door=door)
    return found


def list_repositories(
    principal: Principal, organization: str, page: PageRequest
) -> Page[RepositoryView]:
    """Return what the caller may read of an organization's repositories, by name.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the token may not.
    """
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, None, action="read")
    readable = [
        one
        for one in found.repositories
        if access.may(principal, Action.READ, one, door=MANAGEMENT)
    ]
    return slice_page(readable, lambda one: (one.name,), page).shown_as(_views)


def create_repository(
    principal: Principal, organization: str, new: NewRepository
) -> RepositoryView:
    """Make a repository.

    Args:
        principal: an owner or admin of the organization.
        organization: id or slug.
        new: what it is to be.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller may not.
        UnprocessableInput: a field is not acceptable.
        Conflict: the name is taken in this organization.
    """
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, OrganizationRole.ADMIN, action="write")
    require_slug(new.name, field="/name")
    _require_available(new)
    repository_id = ObjectId()

    def work() -> RepositoryView:
        hold_organization(found.id)
        _require_free_of_packages(found.id, new.protocol, new.name)
        row = Repository(
            id=repository_id,
            organization=found.id,
            name=new.name,
            protocol=new.protocol,
            kind=new.kind,
            visibility=new.visibility or found.default_visibility,
            description=new.description,
            members=_read_members(found, new.protocol, new.kind, new.members),
            settings=_settings_row(new.settings),
        )
        _save(row)
        view = _view(row.to_mongo(), found.slug)
        record(principal.actor, view, audit.AuditAction.REPOSITORY_CREATE)
        return view

    return coherence.change({organization_tag(found.id)}, lambda: in_transaction(work))


def get_repository(principal: Principal, repository: str) -> RepositoryView:
    """Return a repository.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`find`.
    """
    found = find(principal, repository, Action.READ)
    return view_of(found)


def update_repository(
    principal: Principal, repository: str, edit: RepositoryEdit
) -> RepositoryView:
    """Change a repository.

    Args:
        principal: an admin of it.
        repository: id.
        edit: says what is to become of it, by what it is.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`find`.
        UnprocessableInput: a field is not acceptable, or cannot change.
        Conflict: the name is taken in this organization.
    """
    found = find(principal, repository, Action.ADMINISTER)

    def work() -> RepositoryView:
        content = edit(view_of(found))
        _require_unchangeable(found, content)
        require_slug(content.name, field="/name")
        row = Repository.objects(id=found.id).get()
        if content.name != row.name:
            _require_free_of_packages(found.organization_id, found.protocol, content.name)
        row.name = content.name
        row.visibility = content.visibility
        row.description = content.description
        row.members = _read_members(
            _organization_of(found), found.protocol, found.kind, content.members
        )
        if content.settings is not None:
            row.settings = _settings_row(content.settings)
        row.updated_at = now()
        _save(row)
        view = _view(row.to_mongo(), found.organization_slug)
        record(
            principal.actor,
            view,
            audit.AuditAction.REPOSITORY_UPDATE,
            visibility=content.visibility,
        )
        return view

    return coherence.change({organization_tag(found.organization_id)}, lambda: in_transaction(work))


def view_of(repository: RepositoryFacts) -> RepositoryView:
    """Return a repository as it is shown; the caller was allowed to read it.

    Raises:
        NotFound: it was deleted meanwhile.
    """
    row = rows_of(Repository).find_one({"_id": repository.id})
    if row is None:
        raise NotFound
    return _view(row, repository.organization_slug)


def record(
    actor: audit.Actor,
    repository: RepositoryView,
    action: audit.AuditAction,
    **details: audit.Detail,
) -> None:
    """Record what was done to a repository; called within the transaction that does it."""
    audit.record(
        action,
        actor=actor,
        resource=audit.Resource(
            type="repository",
            id=repository.id,
            name=f"{repository.organization}/{repository.name}",
        ),
        organization=repository.organization,
        repository=repository.name,
        protocol=repository.protocol,
        details=details,
    )


def _by_id(repository: str) -> RepositoryFacts | None:
    if not ObjectId.is_valid(repository):
        return None
    row = rows_of(Repository).find_one({"_id": ObjectId(repository)}, {"organization": 1})
    organization = None if row is None else organization_by_id(row["organization"])
    return None if organization is None else organization.by_id(ObjectId(repository))


def _within(organization: OrganizationFacts, repository: str) -> RepositoryFacts | None:
    by_id = organization.by_id(ObjectId(repository)) if ObjectId.is_valid(repository) else None
    return by_id or organization.named(repository)


def _organization_of(repository: RepositoryFacts) -> OrganizationFacts:
    found = organization_by_id(repository.organization_id)
    if found is None:
        raise NotFound
    return found


def _require_free_of_packages(organization_id: ObjectId, protocol: str, name: str) -> None:
    """Refuse a slug by which packages of another repository would be looked for here.

    Raises:
        Conflict: some package's name begins with it.
    """
    if not format_of(protocol).names_repositories:
        return
    package = rows_of(Package).find_one(
        {
            "protocol": protocol,
            "organization": organization_id,
            "name": {"$regex": f"^{re.escape(name)}/"},
            "deleted_at": None,
        },
        {"display_name": 1},
    )
    if package is not None:
        raise Conflict(
            f"The package {package['display_name']} is in another repository, and its name "
            "begins with this one. Choose another name, or delete the package first."
        )


def _require_available(new: NewRepository) -> None:
    formats = served_formats()
    if new.protocol not in formats:
        raise UnprocessableInput(
            "This format is not served.", {"/protocol": f"One of {', '.join(sorted(formats))}."}
        )
    if new.kind is RepositoryKind.PROXY:
        raise UnprocessableInput(NO_PROXIES, {"/kind": NO_PROXIES})


def _require_unchangeable(current: RepositoryFacts, content: RepositoryContent) -> None:
    problems = {}
    if content.protocol not in {None, current.protocol}:
        problems["/protocol"] = f"It is {current.protocol} and cannot change."
    if content.kind not in {None, current.kind}:
        problems["/kind"] = f"It is {current.kind} and cannot change."
    if problems:
        raise UnprocessableInput("A repository's protocol and kind cannot change.", problems)


def _read_members(
    organization: OrganizationFacts, protocol: str, kind: RepositoryKind, members: Sequence[str]
) -> list[ObjectId]:
    """Return the ids of a group's members, in order.

    Raises:
        UnprocessableInput: not a group, or a member is not a repository of the same
            protocol in the same organization, or is there twice.
    """
    if kind is not RepositoryKind.GROUP:
        if members:
            raise UnprocessableInput(
                "Only groups have members.", {"/members": f"This is a {kind} repository."}
            )
        return []
    problems = {}
    found: list[ObjectId] = []
    for place, text in enumerate(members):
        member = organization.by_id(ObjectId(text)) if ObjectId.is_valid(text) else None
        if member is None or member.protocol != protocol or member.kind is RepositoryKind.GROUP:
            problems[f"/members/{place}"] = (
                f"Not a hosted or proxy {protocol} repository of {organization.slug}."
            )
        elif member.id in found:
            problems[f"/members/{place}"] = "It is there twice."
        else:
            found.append(member.id)
    if problems:
        raise UnprocessableInput("Some members cannot be in this group.", problems)
    return found


def _save(row: Repository) -> None:
    try:
        row.save()
    except NotUniqueError as error:
        raise Conflict(
            f"This organization has a repository {row.name} already. Choose another name."
        ) from error


def _settings_row(settings: RepositorySettingsContent) -> RepositorySettings:
    return RepositorySettings(
        max_file_bytes=settings.max_file_bytes,
        quota_bytes=settings.quota_bytes,
        allow_redeploy=settings.allow_redeploy,
        immutable_tags=list(settings.immutable_tags),
        allow_sparse_index=settings.allow_sparse_index,
        auth_required=settings.auth_required,
    )


def _settings_view(row: dict[str, Any]) -> RepositorySettingsContent:
    return RepositorySettingsContent(
        max_file_bytes=row.get("max_file_bytes"),
        quota_bytes=row.get("quota_bytes"),
        allow_redeploy=bool(row.get("allow_redeploy")),
        immutable_tags=tuple(row.get("immutable_tags") or ()),
        allow_sparse_index=bool(row.get("allow_sparse_index")),
        auth_required=row.get("auth_required"),
    )


def _views(repositories: Sequence[RepositoryFacts]) -> list[RepositoryView]:
    wanted = {one.id: one.organization_slug for one in repositories}
    rows = {row["_id"]: row for row in rows_of(Repository).find({"_id": {"$in": list(wanted)}})}
    return [_view(rows[one], slug) for one, slug in wanted.items() if one in rows]


def _view(row: Row, organization: str) -> RepositoryView:
    return RepositoryView(
        id=str(row["_id"]),
        organization_id=str(row["organization"]),
        organization=organization,
        name=row["name"],
        protocol=row["protocol"],
        kind=RepositoryKind(row["kind"]),
        visibility=Visibility(row["visibility"]),
        description=row.get("description") or "",
        members=tuple(str(one) for one in row.get("members") or ()),
        settings=_settings_view(row.get("settings") or {}),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
