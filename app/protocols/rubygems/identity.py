"""Names of gems as the shared code knows them."""

from __future__ import annotations

from app.errors import InvalidInput, NotFound
from app.protocols.rubygems import names
from app.registry.names import PackageName

PROTOCOL_NAME = "rubygems"


def to_read(raw: str) -> PackageName:
    """Take a name from a path; look-ups are case-sensitive.

    Raises:
        NotFound: no gem can have this name.
    """
    try:
        names.require_gem_name(raw)
    except InvalidInput as error:
        raise NotFound("This rubygem could not be found.") from error
    return shared_name(raw)


def shared_name(name: str) -> PackageName:
    """Return the name of a gem as the registry keys it: as it is."""
    return PackageName(protocol=PROTOCOL_NAME, normal=name, display=name)
