"""Scopes: how much of the registry a URL sees (DESIGN, "Tenants, repositories, names")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flask import g


class ScopeKind(StrEnum):
    """The three breadths that every protocol is served in."""

    PLATFORM = "platform"
    ORGANIZATION = "organization"
    REPOSITORY = "repository"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a request came in.

    Attributes:
        organization: slug; empty at the platform scope.
        repository: slug; only at the repository scope.
        protocol: the format that is spoken here.
        prefix: the path before the protocol's own paths, with both slashes, by which it
            was asked: ``/npm/``, ``/o/acme/``, ``/r/acme/web/npm/``.
        origin: scheme, host and port, without a slash at the end.
    """

    kind: ScopeKind
    organization: str = ""
    repository: str = ""
    protocol: str
    prefix: str
    origin: str

    @property
    def root_url(self) -> str:
        """Return the URL that the canonical paths of every format follow; ends with a slash."""
        match self.kind:
            case ScopeKind.PLATFORM:
                return f"{self.origin}/"
            case ScopeKind.ORGANIZATION:
                return f"{self.origin}/o/{self.organization}/"
            case ScopeKind.REPOSITORY:
                return f"{self.origin}/r/{self.organization}/{self.repository}/"

    @property
    def base_url(self) -> str:
        """Return the URL under which documents give their own URLs; ends with a slash."""
        return self.origin + self.prefix


@dataclass(frozen=True, kw_only=True)
class ScopePath:
    """A request's path, taken apart.

    Attributes:
        prefix: of the scope: empty, ``/o/<org>`` or ``/r/<org>/<repo>``.
        rest: what follows it, with its leading slash.
    """

    kind: ScopeKind
    organization: str
    repository: str
    prefix: str
    rest: str


def split_path(path: str) -> ScopePath:
    """Take the scope's prefix off a decoded path.

    ``/o`` and ``/r`` without enough segments are left whole: they are platform paths
    that lead nowhere.
    """
    match path.split("/", 4):
        case ["", "o", organization, *_] if organization:
            prefix = f"/o/{organization}"
            kind, repository = ScopeKind.ORGANIZATION, ""
        case ["", "r", organization, repository, *_] if organization and repository:
            prefix = f"/r/{organization}/{repository}"
            kind = ScopeKind.REPOSITORY
        case _:
            prefix, kind, organization, repository = "", ScopeKind.PLATFORM, "", ""
    return ScopePath(
        kind=kind,
        organization=organization,
        repository=repository,
        prefix=prefix,
        rest=path[len(prefix) :] or "/",
    )


def current_scope() -> Scope:
    """Return the scope of the request being served (views only)."""
    found: Scope = g.scope
    return found
