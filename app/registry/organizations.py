"""Organizations: made, found, changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from mongoengine import NotUniqueError

from app import access, audit
from app.auth.administration import record_denial
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import Principal
from app.auth.users import user_tag
from app.errors import Conflict, Forbidden, NotFound, Unauthenticated
from app.extensions import coherence
from app.models import (
    Membership,
    Organization,
    OrganizationRole,
    OrganizationSettings,
    PlatformSettings,
    Repository,
    Visibility,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import namespaces
from app.registry.doors import require_door
from app.registry.fencing import change_found
from app.registry.listing import UP, Page, PageRequest, Row, find_page
from app.registry.repositories import (
    OrganizationFacts,
    organization_by_id,
    organization_by_slug,
    organization_tag,
    slug_tag,
)
from app.registry.slugs import require_organization_slug

NamesByProtocol = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class NewOrganization:
    """An organization to be made."""

    slug: str
    display_name: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class SettingsContent:
    """What an organization's admins decide.

    Attributes:
        default_visibility: of repositories that are made without one.
        namespaces: claimed beside the slug; see ``namespaces``.
        reserved_names: globs of names, by protocol, that no upstream is ever asked for.
        quota_bytes: none for no limit.
    """

    default_visibility: Visibility = Visibility.PRIVATE
    namespaces: NamesByProtocol = field(default_factory=dict)
    reserved_names: NamesByProtocol = field(default_factory=dict)
    quota_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class OrganizationContent:
    """What an organization is to be; ``settings`` stay as they are where there are none."""

    slug: str
    display_name: str = ""
    description: str = ""
    settings: SettingsContent | None = None


@dataclass(frozen=True, kw_only=True)
class OrganizationView:
    """An organization as it is shown; ``settings`` are for its members only."""

    id: str
    slug: str
    display_name: str
    description: str
    settings: SettingsContent | None
    created_at: datetime
    updated_at: datetime


OrganizationEdit = Callable[[OrganizationView], OrganizationContent]
"""Says what is to become of an organization, by what it is; runs within the transaction."""


def find(principal: Principal, reference: str) -> OrganizationFacts:
    """Return the organization that an id or a slug names, if the caller may know of it.

    Raises:
        Unauthenticated: anonymous, and nothing in it is public, or there is none.
        NotFound: there is none for this caller.
    """
    found = None
    if ObjectId.is_valid(reference):
        found = organization_by_id(ObjectId(reference))
    if found is None:
        found = organization_by_slug(reference)
    if found is None or not access.may_see_organization(principal, found.id):
        raise Unauthenticated if principal.is_anonymous else NotFound
    return found


def create(principal: Principal, new: NewOrganization) -> OrganizationView:
    """Make an organization, and its creator its owner.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: only platform admins make organizations here, or the token may not.
        UnprocessableInput: the slug is not acceptable.
        Conflict: the slug, or a namespace of that name, is taken.
    """
    _require_may_create(principal)
    require_organization_slug(new.slug)
    organization_id = ObjectId()
    claimed = namespaces.of_slug(new.slug)

    def work() -> OrganizationView:
        row = Organization(
            id=organization_id,
            slug=new.slug,
            display_name=new.display_name,
            description=new.description,
        )
        _save_under_slug(row)
        namespaces.claim(organization_id, claimed)
        Membership(
            organization=organization_id, user=principal.user, role=OrganizationRole.OWNER
        ).save(force_insert=True)
        record(principal.actor, row, audit.AuditAction.ORGANIZATION_CREATE)
        return _view(row.to_mongo(), shows_settings=True)

    tags = {
        slug_tag(new.slug),
        organization_tag(organization_id),
        user_tag(principal.user),
        *namespaces.tags_of(claimed),
    }
    return coherence.change(tags, lambda: in_transaction(work))


def get(principal: Principal, reference: str) -> OrganizationView:
    """Return an organization.

    Raises:
        Unauthenticated, NotFound: as for :func:`find`.
        Forbidden: the token may not.
    """
    organization = find(principal, reference)
    access.require_organization(principal, organization, None, action="read")
    return view_of(principal, organization)


def view_of(principal: Principal, organization: OrganizationFacts) -> OrganizationView:
    """Return an organization, as it is now, as the caller sees it; ``NotFound`` if it is gone."""
    return _view(_row(organization.id), shows_settings=_is_inside(principal, organization.id))


def list_visible(principal: Principal, page: PageRequest) -> Page[OrganizationView]:
    """Return the organizations that the caller may know of, by slug.

    Raises:
        Forbidden: the token is not for this.
    """
    require_door(principal, action="read")
    bound = principal.limits.organizations
    where: Row = {"_id": {"$in": [ObjectId(one) for one in bound]}} if bound else {}
    if not principal.is_platform_admin:
        where = {"$and": [where, {"_id": {"$in": _visible_ids(principal)}}]}
    found = find_page(rows_of(Organization), where, [("slug", UP)], page)
    return found.shown_as(
        lambda rows: [_view(row, shows_settings=_is_inside(principal, row["_id"])) for row in rows]
    )


def update(principal: Principal, reference: str, edit: OrganizationEdit) -> OrganizationView:
    """Change an organization.

    Namespaces that it held by an earlier slug stay its own: its packages are below them.

    Args:
        principal: its owner or admin.
        reference: id or slug.
        edit: what is to become of it; may raise, and then nothing is changed.

    Raises:
        Unauthenticated, NotFound: as for :func:`find`.
        Forbidden: the caller is neither.
        UnprocessableInput: the slug, or a namespace, is not acceptable.
        Conflict: the slug, or a namespace, is taken, or a namespace cannot be given up.
    """
    organization = find(principal, reference)
    access.require_organization(principal, organization, OrganizationRole.ADMIN, action="write")

    def plan() -> _Plan:
        return _Plan.of(_view(_row(organization.id), shows_settings=True), edit)

    def work() -> OrganizationView:
        planned = plan()
        namespaces.claim(organization.id, planned.claimed)
        namespaces.release(organization.id, planned.released)
        row = Organization.objects(id=organization.id).get()
        _apply(row, planned.content)
        record(principal.actor, row, audit.AuditAction.ORGANIZATION_UPDATE)
        return _view(row.to_mongo(), shows_settings=True)

    return change_found(lambda: {organization_tag(organization.id), *plan().tags}, work)


def record(
    actor: audit.Actor,
    organization: Organization | OrganizationFacts,
    action: audit.AuditAction,
    **details: audit.Detail,
) -> None:
    """Record what was done to an organization; called within the transaction that does it."""
    audit.record(
        action,
        actor=actor,
        resource=audit.Resource(
            type="organization", id=str(organization.id), name=organization.slug
        ),
        organization=organization.slug,
        details=details,
    )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What a change comes to: what the organization will be, and the namespaces that move."""

    content: OrganizationContent
    claimed: frozenset[namespaces.Namespace]
    released: frozenset[namespaces.Namespace]
    tags: frozenset[str]

    @classmethod
    def of(cls, current: OrganizationView, edit: OrganizationEdit) -> _Plan:
        content = edit(current)
        before = current.settings or SettingsContent()
        after = content.settings or before
        held = namespaces.of_settings(before.namespaces)
        wanted = namespaces.of_settings(after.namespaces)
        own = namespaces.of_slug(content.slug) | namespaces.of_slug(current.slug)
        claimed, released = (wanted - held), (held - wanted - own)
        tags = namespaces.tags_of(claimed | released)
        if content.slug != current.slug:
            require_organization_slug(content.slug)
            claimed |= namespaces.of_slug(content.slug)
            tags |= {slug_tag(current.slug), slug_tag(content.slug), *namespaces.tags_of(claimed)}
        return cls(content=content, claimed=claimed, released=released, tags=tags)


def _require_may_create(principal: Principal) -> None:
    require_account_use(principal, door=MANAGEMENT, action="write")
    settings = rows_of(PlatformSettings).find_one({"_id": "platform"}) or {}
    if principal.is_platform_admin or not settings.get("only_admins_create_organizations"):
        return
    refusal = Forbidden("Only platform administrators create organizations here. Ask one.")
    record_denial(principal, audit.Resource(type="organization"), "write", refusal)
    raise refusal


def _apply(row: Organization, content: OrganizationContent) -> None:
    row.display_name = content.display_name
    row.description = content.description
    if content.settings is not None:
        row.settings = OrganizationSettings(
            default_visibility=content.settings.default_visibility,
            namespaces={name: list(of) for name, of in content.settings.namespaces.items()},
            reserved_names={name: list(of) for name, of in content.settings.reserved_names.items()},
            quota_bytes=content.settings.quota_bytes,
        )
    row.updated_at = now()
    if content.slug != row.slug:
        held = {*row.earlier_slugs, row.slug} - {content.slug}
        row.earlier_slugs = sorted(held)
        row.slug = content.slug
    _save_under_slug(row)


def _save_under_slug(row: Organization) -> None:
    try:
        row.save()
    except NotUniqueError as error:
        raise Conflict(f"The slug {row.slug} is taken. Choose another.") from error


def _visible_ids(principal: Principal) -> list[ObjectId]:
    """Return where somebody is a member, or may read something."""
    readable = access.readable_repository_ids(principal, door=MANAGEMENT)
    found = rows_of(Repository).distinct("organization", {"_id": {"$in": list(readable)}})
    if principal.user_id is not None:
        found += rows_of(Membership).distinct("organization", {"user": principal.user_id})
    return found


def _is_inside(principal: Principal, organization_id: ObjectId) -> bool:
    return access.organization_role(principal, organization_id) is not None


def _row(organization_id: ObjectId) -> Row:
    row = rows_of(Organization).find_one({"_id": organization_id})
    if row is None:
        raise NotFound
    return row


def _view(row: Row, *, shows_settings: bool) -> OrganizationView:
    return OrganizationView(
        id=str(row["_id"]),
        slug=row["slug"],
        display_name=row.get("display_name") or "",
        description=row.get("description") or "",
        settings=_settings(row.get("settings") or {}) if shows_settings else None,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _settings(row: dict[str, Any]) -> SettingsContent:
    return SettingsContent(
        default_visibility=Visibility(row.get("default_visibility", Visibility.PRIVATE)),
        namespaces=_names_by_protocol(row.get("namespaces")),
        reserved_names=_names_by_protocol(row.get("reserved_names")),
        quota_bytes=row.get("quota_bytes"),
    )


def _names_by_protocol(row: Mapping[str, list[str]] | None) -> NamesByProtocol:
    return {protocol: tuple(names) for protocol, names in (row or {}).items()}
