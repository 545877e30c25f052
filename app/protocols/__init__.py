"""The package formats that this registry serves: one folder and one line each."""

from __future__ import annotations

from app.protocols.base import PackageProtocol
from app.protocols.npm import PROTOCOL as NPM
from app.protocols.oci import PROTOCOL as OCI
from app.protocols.pypi import PROTOCOL as PYPI
from app.protocols.rubygems import PROTOCOL as RUBYGEMS

PROTOCOLS: tuple[PackageProtocol, ...] = (OCI, NPM, PYPI, RUBYGEMS)


def named(name: str) -> PackageProtocol:
    """Return a format by its name; a LookupError where there is none."""
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise LookupError(f"no protocol named {name!r}")
