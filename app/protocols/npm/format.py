"""What use cases that serve every format need to know of npm."""

from __future__ import annotations

from typing import Any

import orjson

from app.protocols.npm.identity import PROTOCOL_NAME
from app.registry.formats import Dependency, PackageFormat

_OPTIONAL_KIND = "optionalDependencies"
_PEER_KIND = "peerDependencies"
_KINDS = ("dependencies", _OPTIONAL_KIND, _PEER_KIND, "devDependencies")


def _name_of_purl(namespace: str, name: str) -> str:
    """Spec: purl-spec, "npm": the namespace is the scope, with its ``@``."""
    return f"{namespace}/{name}" if namespace else name


def _dependencies(manifest: bytes) -> tuple[Dependency, ...]:
    """Read a manifest that was checked when it was published.

    npm repeats an optional dependency under ``dependencies``; it is told of once.
    """
    fields: dict[str, Any] = orjson.loads(manifest)
    optional = fields.get(_OPTIONAL_KIND) or {}
    peers = fields.get("peerDependenciesMeta") or {}
    return tuple(
        Dependency(
            name=name,
            requirement=str(requirement),
            kind=kind,
            is_optional=kind == _OPTIONAL_KIND
            or (kind == _PEER_KIND and bool((peers.get(name) or {}).get("optional"))),
        )
        for kind in _KINDS
        for name, requirement in (fields.get(kind) or {}).items()
        if kind != "dependencies" or name not in optional
    )


FORMAT = PackageFormat(
    name=PROTOCOL_NAME,
    default_tag="latest",
    instead_of_yanking=(
        "Versions of npm packages are not yanked. Deprecate the version "
        "(npm deprecate <package>@<version> <message>), or delete it."
    ),
    purl_type="npm",
    name_of_purl=_name_of_purl,
    dependencies=_dependencies,
)
