"""What a token may be asked to be, and that none makes one that may more than itself."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from app.auth.ids import read_id
from app.auth.limits import TOKEN_ACTIONS
from app.auth.principal import UNLIMITED, CredentialKind, TokenLimits
from app.errors import Forbidden, UnprocessableInput
from app.models import ApiToken
from app.models.fields import now

if TYPE_CHECKING:
    from datetime import datetime

    from app.auth.principal import Principal

LONGEST_NAME = 100
PERSONAL = "personal"
LOGIN = "login"  # made by a client's own sign-in

_LIMIT_KINDS = ("protocols", "actions", "organizations", "packages")


@dataclass(frozen=True, kw_only=True)
class TokenSpec:
    """A token as it is asked for.

    Attributes:
        networks: CIDRs that it may be used from; none means any.
        expires_at: with a time zone; none means never.
        kind: ``PERSONAL`` or ``LOGIN``.
    """

    name: str
    limits: TokenLimits = UNLIMITED
    networks: tuple[str, ...] = ()
    expires_at: datetime | None = None
    kind: str = PERSONAL

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        """Return what a token was asked to be."""
        return cls(
            name=token.name,
            limits=limits_of(token),
            networks=tuple(token.networks),
            expires_at=token.expires_at,
            kind=token.kind,
        )


def limits_of(token: ApiToken) -> TokenLimits:
    """Return what a token is narrowed to."""
    return TokenLimits(**{kind: frozenset(getattr(token, kind)) for kind in _LIMIT_KINDS})


def checked(spec: TokenSpec) -> TokenSpec:
    """Return the spec in its normal form.

    Raises:
        UnprocessableInput: a field is not acceptable.
    """
    fields = {}
    name = spec.name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        fields["/name"] = f"1 to {LONGEST_NAME} printable characters."
    if not spec.limits.actions <= set(TOKEN_ACTIONS):
        fields["/actions"] = f"Only {', '.join(TOKEN_ACTIONS)}."
    if spec.expires_at is not None and spec.expires_at <= now():
        fields["/expires_at"] = "It has to lie in the future."
    networks = _read_networks(spec.networks, fields)
    if fields:
        raise UnprocessableInput("Some fields are not acceptable.", fields)
    return replace(spec, name=name, networks=tuple(str(network) for network in networks))


def require_no_wider(principal: Principal, spec: TokenSpec) -> None:
    """Make sure that a token acts only on tokens that may no more than itself.

    Sign-ins and passwords are not limited.

    Raises:
        Forbidden: the sentence names the limit.
    """
    if principal.kind is not CredentialKind.TOKEN or principal.token_id is None:
        return
    own = TokenSpec.of(ApiToken.objects(id=read_id(principal.token_id)).get())
    for kind in _LIMIT_KINDS:
        mine, theirs = getattr(own.limits, kind), getattr(spec.limits, kind)
        if mine and (not theirs or not theirs <= mine):
            shown = "" if kind == "organizations" else f" {', '.join(sorted(mine))}"
            raise Forbidden(
                f"The token you use is limited to the {kind}{shown}. A token that it makes or "
                f"changes must be limited to the same {kind}, or fewer."
            )
    if own.expires_at and (spec.expires_at is None or spec.expires_at > own.expires_at):
        raise Forbidden(
            f"The token you use expires at {own.expires_at.isoformat()}. A token that it makes or "
            "changes must not outlive it."
        )
    if own.networks and not _are_within(spec.networks, own.networks):
        raise Forbidden(
            f"The token you use is limited to the networks {', '.join(own.networks)}. A token that "
            "it makes or changes must be limited to the same networks, or fewer."
        )


def _read_networks(
    texts: tuple[str, ...], fields: dict[str, str]
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    networks = []
    for place, text in enumerate(texts):
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            fields[f"/networks/{place}"] = "Not a network such as 10.0.0.0/8."
    return networks


def _are_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    allowed = [ipaddress.ip_network(text) for text in outer]
    return bool(inner) and all(
        any(
            one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]  # of one version
            for other in allowed
        )
        for one in (ipaddress.ip_network(text) for text in inner)
    )
