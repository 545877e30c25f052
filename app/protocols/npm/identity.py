"""npm's names and versions as the shared code knows them."""

from __future__ import annotations

from app.protocols.npm import names
from app.registry.names import PackageName

PROTOCOL_NAME = "npm"


def to_read(raw: str) -> PackageName:
    """Take a name from a path, for reading.

    Raises:
        NotFound: no package can have this name.
    """
    return shared_name(names.parse_name(raw))


def shared_name(name: names.PackageName) -> PackageName:
    """Return the name as the registry keys it; look-ups are case-sensitive, as npm's are."""
    return PackageName(
        protocol=PROTOCOL_NAME,
        normal=name.full,
        display=name.full,
        namespaces=() if name.scope is None else (name.scope,),
    )
