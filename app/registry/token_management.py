"""API tokens as the management API and the pages see them.

The rules are ``app.auth.tokens``; here is what the registry adds: that the formats and
organizations that a token is limited to exist, and how they are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bson import ObjectId

from app import access
from app.auth import tokens
from app.auth.ids import read_id
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal, TokenLimits
from app.auth.token_rules import TokenSpec
from app.auth.tokens import IssuedToken
from app.errors import Unauthenticated, UnprocessableInput
from app.models import ApiToken, Organization
from app.models.rows import rows_of
from app.registry.doors import require_door
from app.registry.formats import served_formats
from app.registry.listing import Page, PageRequest
from app.registry.people import UserSummary, summaries
from app.registry.repositories import organization_by_id, organization_by_slug


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token to be made; an empty list means no limit of that kind.

    Attributes:
        protocols: formats, and ``api`` for management.
        organizations: ids or slugs.
        packages: normal names.
        networks: CIDRs.
    """

    name: str
    protocols: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TokenView:
    """A token as it is shown; ``organizations`` are slugs."""

    id: str
    user: UserSummary | None
    name: str
    prefix: str
    kind: str
    protocols: tuple[str, ...]
    actions: tuple[str, ...]
    organizations: tuple[str, ...]
    packages: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str
    last_used_client: str


@dataclass(frozen=True, kw_only=True)
class IssuedView:
    """A token with its secret, which nobody can read again."""

    view: TokenView
    secret: str = field(repr=False)


def create_token(principal: Principal, new: NewToken) -> IssuedView:
    """Make a token for the caller.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: it would exceed the token that is used to make it.
        UnprocessableInput: a field is not acceptable.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    require_door(principal, action="write")
    _require_protocols(new.protocols)
    limits = TokenLimits(
        protocols=frozenset(new.protocols),
        actions=frozenset(new.actions),
        organizations=_organization_ids(principal, new.organizations),
        packages=frozenset(new.packages),
    )
    spec = TokenSpec(name=new.name, limits=limits, networks=new.networks, expires_at=new.expires_at)
    return _issued(tokens.create(principal, spec))


def list_own(principal: Principal, page: PageRequest) -> Page[TokenView]:
    """Return the caller's living tokens, the newest first.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the token that is used may not.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    require_door(principal, action="read")
    return _page(principal, principal.user_id, page)


def list_all(principal: Principal, page: PageRequest) -> Page[TokenView]:
    """Return everybody's living tokens, the newest first.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller is no platform admin.
    """
    require_door(principal, action="read")
    return _page(principal, None, page)


def get_token(principal: Principal, token: str) -> TokenView:
    """Return a living token of the caller's, or anybody's for a platform admin.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is none for this caller.
        Forbidden: the token that is used may not.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    require_door(principal, action="read")
    return _views([tokens.get(principal, read_id(token))])[0]


def rotate_token(principal: Principal, token: str) -> IssuedView:
    """Give the caller's own token a new secret; the old one is dead at once.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound, Forbidden: as for ``tokens.rotate``.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    require_door(principal, action="write")
    return _issued(tokens.rotate(principal, read_id(token)))


def revoke_token(principal: Principal, token: str, *, check: Callable[[TokenView], None]) -> None:
    """End a token of the caller's, or anybody's for a platform admin.

    Args:
        principal: who asks.
        token: id.
        check: raises where the token, at that moment, is not what the caller thinks.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound, Forbidden: as for ``tokens.revoke``.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    if principal.token_id != token:  # A token may always end itself.
        require_door(principal, action="delete")
    tokens.revoke(principal, read_id(token), check=lambda current: check(view_of(current)))


def view_of(token: ApiToken) -> TokenView:
    """Return a token as it is shown."""
    return _views([token])[0]


def _require_protocols(protocols: Sequence[str]) -> None:
    known = {*served_formats(), MANAGEMENT}
    problems = {
        f"/protocols/{place}": f"One of {', '.join(sorted(known))}."
        for place, protocol in enumerate(protocols)
        if protocol not in known
    }
    if problems:
        raise UnprocessableInput("Some formats are not served.", problems)


def _organization_ids(principal: Principal, references: Sequence[str]) -> frozenset[str]:
    """Return the ids of organizations that the caller may know of."""
    problems = {}
    found = set()
    for place, reference in enumerate(references):
        by_id = organization_by_id(ObjectId(reference)) if ObjectId.is_valid(reference) else None
        organization = by_id or organization_by_slug(reference)
        if organization is None or not access.may_see_organization(principal, organization.id):
            problems[f"/organizations/{place}"] = "There is no such organization."
        else:
            found.add(str(organization.id))
    if problems:
        raise UnprocessableInput("Some organizations are not known.", problems)
    return frozenset(found)


def _page(principal: Principal, owner: ObjectId | None, page: PageRequest) -> Page[TokenView]:
    before = None if page.after is None else page.after[0]
    found = tokens.list_tokens(
        principal,
        owner=owner,
        before=before if isinstance(before, ObjectId) else None,
        limit=page.limit + 1,
    )
    shown = found[: page.limit]
    following = (shown[-1].id,) if len(found) > page.limit else None
    return Page(items=_views(shown), next=following)


def _issued(issued: IssuedToken) -> IssuedView:
    return IssuedView(view=view_of(issued.token), secret=issued.secret)


def _views(found: Sequence[ApiToken]) -> list[TokenView]:
    people = summaries(token.user.id for token in found)
    slugs = _slugs(one for token in found for one in token.organizations)
    return [_view(token, people.get(token.user.id), slugs) for token in found]


def _slugs(organization_ids: Iterable[str]) -> dict[str, str]:
    ids = {ObjectId(one) for one in organization_ids}
    rows = rows_of(Organization).find({"_id": {"$in": list(ids)}}, {"slug": 1}) if ids else ()
    return {str(row["_id"]): row["slug"] for row in rows}


def _view(token: ApiToken, user: UserSummary | None, slugs: dict[str, str]) -> TokenView:
    return TokenView(
        id=str(token.id),
        user=user,
        name=token.name,
        prefix=token.prefix,
        kind=token.kind,
        protocols=tuple(token.protocols),
        actions=tuple(token.actions),
        organizations=tuple(slugs.get(one, one) for one in token.organizations),
        packages=tuple(token.packages),
        networks=tuple(token.networks),
        created_at=token.created_at,
        updated_at=token.updated_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        last_used_ip=token.last_used_ip,
        last_used_client=token.last_used_client,
    )
