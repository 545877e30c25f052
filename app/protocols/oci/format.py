"""What use cases that serve every package format need to know of OCI."""

from __future__ import annotations

from app.protocols.oci.names import PROTOCOL_NAME
from app.protocols.oci.stored import named_keys, stored_bytes
from app.protocols.oci.tagged_images import TaggedImages
from app.registry.formats import Dependency, PackageFormat


def _name_of_purl(namespace: str, name: str) -> str:
    """Spec: purl-spec, "oci": there is no namespace; where one is given, it is of the name."""
    return f"{namespace}/{name}" if namespace else name


def _dependencies(manifest: bytes) -> tuple[Dependency, ...]:
    """Return none: what an image needs is inside of it."""
    del manifest
    return ()


FORMAT = PackageFormat(
    name=PROTOCOL_NAME,
    default_tag="",
    instead_of_yanking="Images are not yanked. Move or delete the tag, or delete the manifest.",
    purl_type="oci",
    name_of_purl=_name_of_purl,
    dependencies=_dependencies,
    versions=TaggedImages(),
    named_keys=named_keys,
    stored_bytes=stored_bytes,
    names_repositories=True,
)
