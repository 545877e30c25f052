"""Names, tags, digests and references, as they stand in paths and bodies.

Spec: OCI distribution 1.1, "Pulling manifests"; OCI image 1.1, "Digests".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.protocols.oci.refusals import DigestInvalid, NameInvalid, NameUnknown, TagInvalid
from app.registry.names import PackageName
from app.registry.scopes import Scope, ScopeKind

PROTOCOL_NAME = "oci"
LONGEST_NAME = 200
"""With the host that clients put before it, a name has to fit into 255 characters."""

_COMPONENT = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile("(?P<sha256>sha256:[0-9a-f]{64})|(?P<sha512>sha512:[0-9a-f]{128})")


@dataclass(frozen=True, slots=True)
class Digest:
    """A content address: algorithm and lower-case hexadecimal."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        """Write it as it stands in paths and manifests."""
        return f"{self.algorithm}:{self.hex}"


Reference = Digest | str
"""What a manifest is asked for by: its digest, or a tag."""


@dataclass(frozen=True, slots=True)
class ImageName:
    """The name of what OCI calls a repository, and Packhouse a package.

    Attributes:
        organization: slug: the first component.
        package: all that follows, verbatim.
    """

    organization: str
    package: str

    def __str__(self) -> str:
        """Write it as it stands in paths."""
        return f"{self.organization}/{self.package}"

    @property
    def first_component(self) -> str | None:
        """Return the package's first component where more follow: perhaps a repository's slug."""
        first, slash, _ = self.package.partition("/")
        return first if slash else None

    @property
    def shared(self) -> PackageName:
        """Return the name as the registry keys it."""
        return PackageName(
            protocol=PROTOCOL_NAME,
            normal=self.package,
            display=self.package,
            namespaces=(self.organization,),
        )

    @property
    def scope(self) -> Scope:
        """Return the organization's scope: no prefix says it here, the name does."""
        return Scope(
            kind=ScopeKind.ORGANIZATION,
            organization=self.organization,
            protocol=PROTOCOL_NAME,
            prefix="/v2/",
            origin="",
        )


def parse_name(raw: str) -> ImageName:
    """Read the name in a path.

    Raises:
        NameInvalid: it is none.
        NameUnknown: it says no organization, so nothing is called so.
    """
    organization, package = _parse_components(raw)
    if not package:
        raise NameUnknown(f"{raw} (names begin with an organization: <organization>/{raw})")
    return ImageName(organization, package)


def parse_new_name(raw: str) -> ImageName:
    """Read the name in a path by which something may be made.

    Raises:
        NameInvalid: it is none, or says no organization.
    """
    organization, package = _parse_components(raw)
    if not package:
        raise NameInvalid(f"Say whose it is: use <organization>/{raw}.")
    return ImageName(organization, package)


def _parse_components(raw: str) -> tuple[str, str]:
    if len(raw) > LONGEST_NAME or not _NAME.fullmatch(raw):
        raise NameInvalid(
            f"Names have at most {LONGEST_NAME} characters: lower-case letters and digits, joined "
            "by single '.', '_', '__' or any number of '-', in components between slashes."
        )
    first, _, rest = raw.partition("/")
    return first, rest


def parse_digest(raw: str) -> Digest:
    """Read a digest.

    Raises:
        DigestInvalid: it is none, or of an algorithm that is not served.
    """
    match = _DIGEST.fullmatch(raw)
    if match is None:
        raise DigestInvalid("A digest is sha256: or sha512: and lower-case hexadecimal digits.")
    return Digest(str(match.lastgroup), raw[len("sha256:") :])


def parse_tag(raw: str) -> str:
    """Read a tag.

    Raises:
        TagInvalid: it is none.
    """
    if not _TAG.fullmatch(raw):
        raise TagInvalid(
            "invalid tag: at most 128 letters, digits, '_', '.' and '-', not beginning with "
            "'.' or '-'."
        )
    return raw


def parse_reference(raw: str) -> Reference:
    """Read what a manifest is asked for by; what has a colon is a digest.

    Raises:
        DigestInvalid, TagInvalid: it is neither.
    """
    return parse_digest(raw) if ":" in raw else parse_tag(raw)
