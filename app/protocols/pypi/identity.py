"""Project names as the shared code knows them."""

from __future__ import annotations

from app.errors import InvalidInput, NotFound
from app.protocols.pypi import project_names
from app.registry.names import PackageName

PROTOCOL_NAME = "pypi"


def to_read(raw: str) -> PackageName:
    """Take a name from a path, in any spelling.

    Raises:
        NotFound: no project can have this name.
    """
    try:
        return shared_name(raw)
    except InvalidInput as error:
        raise NotFound from error


def shared_name(raw: str) -> PackageName:
    """Return a project's name as the registry keys it: in normal form.

    Spec: Simple repository API, "Normalized names".

    Raises:
        InvalidInput: no project can have this name.
    """
    return PackageName(protocol=PROTOCOL_NAME, normal=project_names.normalize(raw), display=raw)
