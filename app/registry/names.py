"""Package names as the shared code sees them, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PackageName:
    """A checked name of one protocol.

    Attributes:
        normal: the protocol's normal form: the key.
        display: as its publisher spells it.
        namespaces: prefixes that an organization may have claimed, longest first: npm's
            scope, Composer's vendor, Maven's group prefixes. Empty for a flat name.
    """

    protocol: str
    normal: str
    display: str
    namespaces: tuple[str, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether the name itself says nothing of whose it is."""
        return not self.namespaces

    @property
    def tag(self) -> str:
        """Return what memory answers about this name depend on."""
        return f"package:{self.protocol}/{self.normal}"


def namespace_tag(protocol: str, namespace: str) -> str:
    """Return what memory answers about a namespace's holder depend on."""
    return f"namespace:{protocol}/{namespace}"
