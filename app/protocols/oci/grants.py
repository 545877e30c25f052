"""Scopes of bearers: asked for, granted, and required.

Spec: Docker registry token authentication, "Requesting a token", "Token scope".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.auth.principal import Principal
from app.errors import InvalidInput
from app.protocols.oci.names import ImageName
from app.protocols.oci.refusals import InsufficientScope

CATALOG = ("registry:catalog", "*")

MOST_SCOPES = 100
_REPOSITORY_TYPE = re.compile(r"repository(?:\([a-z0-9]+\))?")
_ALL = frozenset({"pull", "push", "delete"})


@dataclass(frozen=True, kw_only=True)
class AskedScope:
    """One scope as a client asks for it.

    Attributes:
        kind: ``repository`` or ``registry``; others are granted nothing.
        actions: ``*`` stands for all of a repository's.
    """

    kind: str
    name: str
    actions: frozenset[str]


def parse_scopes(values: Iterable[str]) -> tuple[AskedScope, ...]:
    """Read scopes: one or several, separated by spaces, in each value.

    What is not a scope asks for nothing, as some clients send it; it is no error.

    Raises:
        InvalidInput: there are more than anybody needs.
    """
    texts = [text for value in values for text in value.split(" ") if text]
    if len(texts) > MOST_SCOPES:
        raise InvalidInput(f"At most {MOST_SCOPES} scopes can be asked for at once.")
    scopes = (_parse_scope(text) for text in texts)
    return tuple(scope for scope in scopes if scope is not None)


def _parse_scope(text: str) -> AskedScope | None:
    """Split at the first and the last colon: a name may hold a port."""
    kind, _, rest = text.partition(":")
    name, colon, actions = rest.rpartition(":")
    if not colon:
        return None
    if _REPOSITORY_TYPE.fullmatch(kind):
        kind = "repository"
    asked = frozenset(actions.split(","))
    if kind == "repository" and "*" in asked:
        asked |= _ALL
    return AskedScope(kind=kind, name=name, actions=asked)


def repository_resource(name: object) -> str:
    """Return how a bearer names an image."""
    return f"repository:{name}"


def require_scope(principal: Principal, name: ImageName, action: str) -> None:
    """Make sure that a bearer is for this; other credentials are for everything.

    Called once it is known that the caller may: then another bearer will do.

    Raises:
        InsufficientScope: it is for something else.
    """
    _require(principal, (repository_resource(name), action))


def require_catalog_scope(principal: Principal) -> None:
    """Make sure that a bearer is for the catalog.

    Raises:
        InsufficientScope: it is for something else.
    """
    _require(principal, CATALOG)


def _require(principal: Principal, needed: tuple[str, str]) -> None:
    if principal.scopes is not None and needed not in principal.scopes:
        raise InsufficientScope
