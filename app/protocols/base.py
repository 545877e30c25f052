"""The interface of a package format: all that it supplies; everything else is shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Request, Response

from app.auth.principal import Credentials
from app.errors import RegistryError
from app.registry.formats import PackageFormat


@dataclass(frozen=True, kw_only=True)
class PackageProtocol:
    """One package format.

    Attributes:
        name: the folder, and ``Repository.protocol``.
        segment: the canonical path's first segment, which all of its views are below.
        is_scoped: whether it is served below the scopes' prefixes too; else at the root
            only, its names say whose they are, and their slashes are left as they are.
        spec_url: where the format is described.
        blueprint: its views, below the canonical path; one set serves every scope.
        claims_path: whether a path that follows a scope's prefix, with its leading slash,
            is one of the format's well-known short paths.
        takes_the_rest: what is nobody else's, and not the registry's own, is one of them, too.
        read_credentials: finds what the client sent, or None.
        render_error: the client's own form of an error; reads the current request.
        format: what use cases that serve every format need to know of it.
    """

    name: str
    segment: str
    is_scoped: bool = True
    spec_url: str
    blueprint: Blueprint
    claims_path: Callable[[str], bool]
    takes_the_rest: bool = False
    read_credentials: Callable[[Request], Credentials | None]
    render_error: Callable[[RegistryError], Response]
    format: PackageFormat
