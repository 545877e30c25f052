"""API tokens: made, listed, rotated, revoked, and turned into their owner's Principal."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import audit
from app.auth import last_use, token_format, users
from app.auth.addresses import read_address
from app.auth.administration import require_platform_admin, require_self_or_admin
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import CredentialKind
from app.auth.token_rules import TokenSpec, checked, limits_of, require_no_wider
from app.errors import Forbidden, NotFound, Unauthenticated
from app.extensions import coherence
from app.models import ApiToken, User, in_transaction
from app.models.fields import now
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bson import ObjectId

    from app.auth.principal import ClientInfo, Principal


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A token with its secret, which nobody can read again."""

    token: ApiToken
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _KnownToken:
    id: ObjectId
    principal: Principal
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def token_tag(token_id: ObjectId) -> str:
    """Return what memory answers about a token depend on."""
    return f"token:{token_id}"


def create(principal: Principal, spec: TokenSpec) -> IssuedToken:
    """Make a token for the caller.

    Args:
        principal: whose it will be. One that uses a token itself makes none that may more.
        spec: its name and limits. That ``limits.protocols`` and ``limits.organizations``
            exist is for the caller to check; unknown ones only make a token that is good
            for nothing.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: it would exceed the token that is used to make it; the sentence names
            the limit.
        UnprocessableInput: a field is not acceptable.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    spec = checked(spec)
    require_no_wider(principal, spec)
    return issue(principal.user, spec, actor=principal.actor)


def issue(user_id: ObjectId, spec: TokenSpec, *, actor: audit.Actor) -> IssuedToken:
    """Make a token, asking nobody: for those who have decided that it is to be."""
    secret = token_format.new_token()
    token = ApiToken(
        user=user_id,
        name=spec.name,
        digest=token_format.digest(secret),
        prefix=token_format.shown_prefix(secret),
        protocols=sorted(spec.limits.protocols),
        actions=sorted(spec.limits.actions),
        organizations=sorted(spec.limits.organizations),
        packages=sorted(spec.limits.packages),
        networks=list(spec.networks),
        kind=spec.kind,
        expires_at=spec.expires_at,
    )

    def work() -> None:
        token.save(force_insert=True)
        audit.record(
            audit.AuditAction.TOKEN_CREATE,
            actor=actor,
            resource=_resource(token),
            details={"kind": spec.kind},
        )

    # No fence: that a token is unknown is never kept in memory.
    in_transaction(work)
    return IssuedToken(token=token, secret=secret)


def authenticate(secret: str, client: ClientInfo) -> Principal:
    """Return whom a token speaks for, and note its use.

    Raises:
        Unauthenticated: unknown, expired, revoked, or its owner's account is closed.
        Forbidden: it is not for use from this address.
    """
    if not token_format.is_well_formed(secret):
        raise _refused()
    return principal_of_digest(token_format.digest(secret), client)


def principal_of_digest(digest: str, client: ClientInfo) -> Principal:
    """Return whom the token with this digest speaks for, and note its use.

    Raises:
        Unauthenticated, Forbidden: as for :func:`authenticate`.
    """
    known = coherence.cached(("token", digest), lambda: _load(digest))
    _require_network(known, client)
    last_use.note(known.id, client)
    return known.principal


def list_tokens(
    principal: Principal,
    *,
    owner: ObjectId | None,
    before: ObjectId | None = None,
    limit: int = 50,
) -> list[ApiToken]:
    """Return living tokens, the newest first; expired ones are listed until revoked.

    Args:
        principal: the owner, or a platform admin.
        owner: whose; none for everybody's.
        before: only those made before this one: the last of the page before.
        limit: the most to return.

    Raises:
        NotFound: they are somebody else's.
        Forbidden: everybody's are for platform admins only.
    """
    if owner is None:
        require_platform_admin(principal, "read")
    else:
        require_self_or_admin(principal, owner, "read")
    found = ApiToken.objects(revoked_at=None)
    if owner is not None:
        found = found.filter(user=owner)
    if before is not None:
        found = found.filter(id__lt=before)
    return list(found.order_by("-id").limit(limit))


def get(principal: Principal, token_id: ObjectId) -> ApiToken:
    """Return a living token of one's own, or anybody's as a platform admin.

    Raises:
        NotFound: there is none for the caller.
    """
    return _living(principal, token_id, "read")


def rotate(principal: Principal, token_id: ObjectId) -> IssuedToken:
    """Give one's own token a new secret; the old one is dead when this returns.

    Raises:
        NotFound: there is none, or it is somebody else's: a new secret is for its owner only.
        Forbidden: the token that is used may less than this one.
    """
    token = _living(principal, token_id, "write")
    if token.user.id != principal.user_id:
        raise NotFound
    require_no_wider(principal, TokenSpec.of(token))
    secret = token_format.new_token()

    def work() -> None:
        unchanged = ApiToken.objects(id=token.id, digest=token.digest, revoked_at=None)
        if not unchanged.update_one(
            set__digest=token_format.digest(secret),
            set__prefix=token_format.shown_prefix(secret),
            set__updated_at=now(),
        ):
            raise NotFound
        audit.record(
            audit.AuditAction.TOKEN_ROTATE, actor=principal.actor, resource=_resource(token)
        )

    coherence.change({token_tag(token.id)}, lambda: in_transaction(work))
    return IssuedToken(token=ApiToken.objects(id=token.id).get(), secret=secret)


def revoke(
    principal: Principal,
    token_id: ObjectId,
    *,
    check: Callable[[ApiToken], None] = lambda _token: None,
) -> None:
    """End a token of one's own, or anybody's as a platform admin.

    A token may always end itself, and others of its owner that may no more than it.

    Args:
        principal: who asks.
        token_id: of the token to end.
        check: raises where it, at that moment, is not what the caller thinks.

    Raises:
        NotFound: there is none for the caller, or it was revoked before.
        Forbidden: the token that is used may less than this one.
    """
    token = _living(principal, token_id, "delete")
    if principal.token_id != str(token.id):
        require_no_wider(principal, TokenSpec.of(token))
    _revoke(principal, token, check)


def revoke_secret(principal: Principal, secret: str, *, door: str = MANAGEMENT) -> None:
    """End the token whose secret this is, as clients do that sign out.

    Args:
        principal: its owner.
        secret: the whole token; who knows it could use it, so they may end it.
        door: the way in that a token must be good for, unless it ends itself.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: it is unknown, or somebody else's.
        Forbidden: outside the limits of the token that is used.
    """
    _revoke(principal, _own(principal, token_format.digest(secret), door))


def revoke_digest(principal: Principal, digest: str, *, door: str = MANAGEMENT) -> None:
    """End one's own token by what is kept of it, as npm's list names it.

    Raises:
        Unauthenticated, NotFound: as for :func:`revoke_secret`.
        Forbidden: outside the limits of the token that is used, or it may less.
    """
    token = _own(principal, digest, door)
    if principal.token_id != str(token.id):
        require_no_wider(principal, TokenSpec.of(token))
    _revoke(principal, token)


def _own(principal: Principal, digest: str, door: str) -> ApiToken:
    """Return a living token of the caller's that they may end here."""
    if principal.is_anonymous:
        raise Unauthenticated
    token: ApiToken | None = ApiToken.objects(
        digest=digest, user=principal.user, revoked_at=None
    ).first()
    if token is None or principal.token_id != str(token.id):  # A token may always end itself.
        require_account_use(principal, door=door, action="delete")
    if token is None:
        raise NotFound("There is no such token.")
    return token


def _living(principal: Principal, token_id: ObjectId, action: str) -> ApiToken:
    token: ApiToken | None = ApiToken.objects(id=token_id, revoked_at=None).first()
    if token is None:
        raise NotFound
    require_self_or_admin(principal, token.user.id, action)
    return token


def _revoke(
    principal: Principal,
    token: ApiToken,
    check: Callable[[ApiToken], None] = lambda _token: None,
) -> None:
    def work() -> None:
        moment = now()
        living = ApiToken.objects(id=token.id, revoked_at=None).first()
        if living is None:
            raise NotFound
        check(living)
        living.revoked_at = living.updated_at = moment
        living.save()
        audit.record(
            audit.AuditAction.TOKEN_REVOKE, actor=principal.actor, resource=_resource(token)
        )

    coherence.change({token_tag(token.id)}, lambda: in_transaction(work))


def _load(digest: str) -> _KnownToken:
    """Read a token and its owner; the first look only tells what the answer depends on."""
    row = rows_of(ApiToken).find_one({"digest": digest}, {"user": 1})
    if row is None:
        raise _refused()
    coherence.depends_on(token_tag(row["_id"]), users.user_tag(row["user"]))
    token = ApiToken.objects(digest=digest, revoked_at=None).first()
    owner = User.objects(id=row["user"], is_active=True).first()
    if token is None or owner is None:
        raise _refused()
    if token.expires_at is not None:
        if token.expires_at <= now():
            raise Unauthenticated("This token has expired.", wrong_credentials=True)
        coherence.expires_at(token.expires_at)
    return _KnownToken(
        id=token.id,
        principal=users.principal_of(
            owner, CredentialKind.TOKEN, limits=limits_of(token), token_id=token.id
        ),
        networks=tuple(ipaddress.ip_network(network) for network in token.networks),
    )


def _require_network(known: _KnownToken, client: ClientInfo) -> None:
    if not known.networks:
        return
    # The answer depends on the address, which no answer in memory is kept by.
    coherence.expires_at(now())
    address = read_address(client.ip)
    if address is None or not any(address in network for network in known.networks):
        raise Forbidden(
            f"This token is limited to other networks than the one of {client.ip or 'this client'}."
        )


def _resource(token: ApiToken) -> audit.Resource:
    return audit.Resource(type="token", id=str(token.id), name=token.name)


def _refused() -> Unauthenticated:
    return Unauthenticated("This token is not valid, or was revoked.", wrong_credentials=True)
