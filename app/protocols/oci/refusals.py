"""What is refused in OCI's own words; ``errors`` gives each its code.

Spec: OCI distribution 1.1, "Error codes".
"""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import (
    DigestMismatch,
    Forbidden,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    RegistryError,
    Unauthenticated,
)


class NameInvalid(InvalidInput):
    """Not a name."""


class TagInvalid(InvalidInput):
    """Not a tag."""


class DigestInvalid(InvalidInput):
    """Not a digest that is served."""


class ContentMismatch(DigestMismatch):
    """The bytes have another digest than the one announced."""

    def __init__(self, announced: object, found: object) -> None:
        super().__init__(f"The content has the digest {found}, not {announced}.")


class PageInvalid(InvalidInput):
    """``n`` is not a number of results."""


class NameUnknown(NotFound):
    """There is no such package for this caller."""

    def __init__(self, name: object) -> None:
        super().__init__(f"repository name not known to registry: {name}")


class ManifestUnknown(NotFound):
    """The package has no such manifest."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"manifest unknown: {reference}")


class BlobUnknown(NotFound):
    """The package has no such blob."""

    def __init__(self, digest: object) -> None:
        super().__init__(f"blob unknown to registry: {digest}")


class UploadUnknown(NotFound):
    """There is no such upload, or it is over, or somebody else's."""

    def __init__(self) -> None:
        super().__init__("blob upload unknown to registry; start a new one")


class UploadInvalid(InvalidInput):
    """A request in an upload is malformed."""


class SizeInvalid(InvalidInput):
    """The body has another length than the one announced."""


class OutOfOrder(RegistryError):
    """A chunk does not begin where the upload stands.

    Attributes:
        location: of the upload.
        size_bytes: what it holds.
    """

    status = 416
    code = "out_of_order"

    def __init__(self, location: str, size_bytes: int) -> None:
        super().__init__(
            f"The upload holds {size_bytes} bytes; go on from there, with one request at a time."
        )
        self.location = location
        self.size_bytes = size_bytes


class ManifestInvalid(InvalidInput):
    """A manifest that is not what it has to be."""


class ContentUnknown(InvalidInput):
    """A manifest names what the package does not have.

    Attributes:
        digests: of everything that is missing.
    """

    def __init__(self, digests: Sequence[object]) -> None:
        super().__init__("The manifest names content that is not in this repository.")
        self.digests = tuple(str(one) for one in digests)


class StillReferenced(MethodNotAllowed):
    """A manifest needs the blob."""

    def __init__(self, manifest: object) -> None:
        super().__init__(f"blob is referenced by {manifest}; delete that first")


class TagImmutable(Forbidden):
    """The repository does not let the tag be moved or removed."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"tag is immutable: {tag}. Push under another tag.")


class TooManyTags(RegistryError):
    """More tags in one request than are taken."""

    status = 414
    code = "too_many_tags"


class InsufficientScope(Unauthenticated):
    """The caller may, but the short-lived token that they sent is for something else."""

    def __init__(self) -> None:
        super().__init__("The token is not for this. Ask for one with the scope in the challenge.")
